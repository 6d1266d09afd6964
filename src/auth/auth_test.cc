// Users, passwords, login and the permission rule. Tokens have tokens_test.cc.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <condition_variable>
#include <mutex>
#include <thread>

#include "auth/allow.h"
#include "auth/login.h"
#include "auth/passwords.h"
#include "auth/test_store.h"
#include "auth/user_record.h"
#include "auth/users.h"
#include "base/limits.h"

namespace kalam::auth {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

constexpr int kCost = 4;  // the cheapest

class UsersTest : public StoreTest {
 protected:
  void SetUp() override {
    StoreTest::SetUp();
    OpenUsers("");
  }
  void OpenUsers(std::string root_hash) {
    users_.reset();
    auto users = Users::Open(*store_, clock_, std::move(root_hash));
    ASSERT_TRUE(users) << users.error().message;
    users_ = std::move(*users);
  }
  void Reopen(std::string root_hash = "") {
    users_.reset();
    ReopenStore();
    OpenUsers(std::move(root_hash));
  }
  std::string Hash(std::string_view password) {
    auto hash = HashPassword(password, kCost, random_);
    EXPECT_TRUE(hash) << hash.error().message;
    return hash.value_or("");
  }
  void Create(std::string id, Role role = Role::kUser, std::string password = "") {
    User user;
    user.user_id = std::move(id);
    user.role = role;
    if (!password.empty()) user.password_hash = Hash(password);
    Status status = users_->Create(user);
    ASSERT_TRUE(status) << status.error().message;
  }
  void TearDown() override {
    users_.reset();
    StoreTest::TearDown();
  }

  SeededRandom random_{7};
  std::unique_ptr<Users> users_;
};

TEST_F(UsersTest, RootIsCreatedOnce) {
  UserPtr root = users_->Find("root");
  ASSERT_NE(root, nullptr);
  EXPECT_EQ(root->role, Role::kSystem);
  EXPECT_EQ(root->auth_type, AuthType::kInternal);
  EXPECT_EQ(root->email, "root@localhost");
  EXPECT_EQ(root->storage_id, "local");
  EXPECT_EQ(root->created_at_ms, clock_.WallMillis());
  Reopen("another hash");
  EXPECT_EQ(users_->Find("root")->password_hash, "");
}

TEST_F(UsersTest, EveryFieldSurvivesARestart) {
  User user;
  user.user_id = "jörg \"x\"@example.com";
  user.password_hash = "hash";
  user.role = Role::kService;
  user.email = "a\"b\n@x";
  user.auth_type = AuthType::kOauth;
  user.auth_data = R"({"provider":"p","subject":"s"})";
  user.storage_mode = "region";
  user.storage_id = "s3";
  user.failed_login_attempts = 3;
  user.locked_until_ms = 1;
  user.last_login_at_ms = 2;
  user.last_seen_ms = -3;
  ASSERT_TRUE(users_->Create(user));
  Reopen();
  UserPtr found = users_->Find(user.user_id);
  ASSERT_NE(found, nullptr);
  EXPECT_EQ(EncodeUser(*found), [&] {
    user.created_at_ms = user.updated_at_ms = clock_.WallMillis();
    return EncodeUser(user);
  }());
  EXPECT_EQ(found->last_seen_ms, -3);
  EXPECT_EQ(found->deleted_at_ms, std::nullopt);
}

TEST_F(UsersTest, CreateRefusesTakenAndBadIds) {
  Create("alice");
  User user;
  user.user_id = "alice";
  Status status = users_->Create(user);
  ASSERT_FALSE(status);
  EXPECT_EQ(status.error().code, ErrorCode::kAlreadyExists);
  EXPECT_EQ(status.error().message, "User 'alice' already exists");
  ASSERT_TRUE(users_->Drop("alice"));
  EXPECT_EQ(users_->Create(user).error().message, "User 'alice' already exists");
  user.user_id = "a/b";
  EXPECT_EQ(users_->Create(user).error().code, ErrorCode::kInvalidInput);
}

TEST_F(UsersTest, Ids) {
  for (std::string id : {"a", "Alice", "a@b.c", "a.b", "ü", "a b", "'; DROP"})
    EXPECT_TRUE(ValidateUserId(id)) << id;
  EXPECT_TRUE(ValidateUserId(std::string(limits::kUserIdBytesMax, 'x')));
  for (std::string id : {"", "  ", "a/b", "a\\b", "..", "a..b"}) EXPECT_FALSE(ValidateUserId(id)) << id;
  EXPECT_FALSE(ValidateUserId(std::string("a\0b", 3)));
  EXPECT_FALSE(ValidateUserId(std::string(limits::kUserIdBytesMax + 1, 'x')));
}

TEST_F(UsersTest, UpdateStoresAndGrowsTheVersion) {
  Create("alice");
  UserPtr before = users_->Find("alice");
  uint64_t version = users_->version();
  clock_.AdvanceMicros(5'000);
  ASSERT_TRUE(users_->Update("alice", [](User& user) -> Status {
    user.role = Role::kDba;
    user.user_id = "mallory";  // ids do not change
    return {};
  }));
  EXPECT_GT(users_->version(), version);
  EXPECT_EQ(before->role, Role::kUser);
  EXPECT_EQ(users_->Find("mallory"), nullptr);
  Reopen();
  EXPECT_EQ(users_->Find("alice")->role, Role::kDba);
  EXPECT_EQ(users_->Find("alice")->updated_at_ms, before->updated_at_ms + 5);
}

TEST_F(UsersTest, ChangedRightsAreToldAndOtherChangesAreNot) {
  Create("alice");
  int told = 0;
  ChangeListeners::Registration listening = users_->rights_changes().Add([&] { ++told; });
  const auto change = [&](const std::function<void(User&)>& how) {
    EXPECT_TRUE(users_->Update("alice", [&](User& user) -> Status {
      how(user);
      return {};
    }));
    return told;
  };
  const uint64_t version = users_->rights_version();
  EXPECT_EQ(change([](User& user) { user.last_login_at_ms = 5; }), 0);
  EXPECT_EQ(change([](User& user) { user.locked_until_ms = 5; }), 0) << "a lock stops logins, not tokens";
  EXPECT_EQ(users_->rights_version(), version);
  EXPECT_EQ(change([](User& user) { user.role = Role::kService; }), 1);
  EXPECT_GT(users_->rights_version(), version);
  EXPECT_TRUE(users_->Drop("alice"));
  EXPECT_EQ(told, 2);
  EXPECT_TRUE(users_->Anonymize("alice"));
  EXPECT_EQ(told, 2);
  EXPECT_TRUE(users_->Erase("alice"));
  EXPECT_EQ(told, 3);
  listening = {};
  Create("bob");
  EXPECT_EQ(told, 3);
}

TEST_F(UsersTest, RefusedUpdatesChangeNothing) {
  Create("alice");
  uint64_t version = users_->version();
  Status status = users_->Update("alice", [](User& user) -> Status {
    user.role = Role::kDba;
    return Fail(ErrorCode::kInvalidOperation, "no");
  });
  EXPECT_EQ(status.error().message, "no");
  EXPECT_EQ(users_->Find("alice")->role, Role::kUser);
  EXPECT_EQ(users_->version(), version);
  status = users_->Update("bob", [](User&) -> Status { return {}; });
  EXPECT_EQ(status.error().code, ErrorCode::kNotFoundUser);
  EXPECT_EQ(status.error().message, "User 'bob' not found");
}

TEST_F(UsersTest, DropIsSoft) {
  Create("alice");
  ASSERT_TRUE(users_->Drop("alice"));
  EXPECT_TRUE(users_->Find("alice")->deleted_at_ms.has_value());
  EXPECT_EQ(users_->Drop("alice").error().code, ErrorCode::kNotFoundUser);
  EXPECT_EQ(users_->Drop("root").error().code, ErrorCode::kInvalidOperation);
}

TEST_F(UsersTest, ListIsInOrder) {
  Create("zoe");
  Create("alice");
  std::vector<std::string> ids;
  for (const UserPtr& user : users_->List()) ids.push_back(user->user_id);
  EXPECT_THAT(ids, ElementsAre("alice", "root", "zoe"));
}

TEST_F(UsersTest, NothingIsShownThatIsNotStored) {
  store_->Stop();
  User user;
  user.user_id = "alice";
  EXPECT_FALSE(users_->Create(user));
  EXPECT_EQ(users_->Find("alice"), nullptr);
}

TEST_F(UsersTest, ConcurrentUpdatesAreAllCounted) {
  Create("alice");
  std::vector<std::jthread> threads;
  for (int t = 0; t < 4; ++t) {
    threads.emplace_back([&] {
      for (int i = 0; i < 20; ++i) {
        EXPECT_TRUE(users_->Update("alice", [](User& user) -> Status {
          ++user.failed_login_attempts;
          return {};
        }));
        EXPECT_NE(users_->Find("alice"), nullptr);
      }
    });
  }
  threads.clear();
  EXPECT_EQ(users_->Find("alice")->failed_login_attempts, 80);
}

TEST(UserRecord, RefusesWhatItDoesNotKnow) {
  User user;
  user.user_id = "a";
  std::string good = EncodeUser(user);
  EXPECT_TRUE(DecodeUser("a", good));
  auto with = [&](std::string_view from, std::string_view to) {
    std::string changed = good;
    changed.replace(changed.find(from), from.size(), to);
    return changed;
  };
  for (std::string bad :
       {std::string("{"), std::string("[]"), std::string("{}"), with("\"format\":1", "\"format\":2"),
        with("\"role\":1", "\"role\":9"), with("\"role\":1", "\"role\":\"user\""),
        with("\"auth_type\":1", "\"auth_type\":0"), with("\"created_at\":0", "\"x\":0")}) {
    auto decoded = DecodeUser("a", bad);
    ASSERT_FALSE(decoded) << bad;
    EXPECT_EQ(decoded.error().code, ErrorCode::kCorruption);
    EXPECT_THAT(decoded.error().message, HasSubstr("user 'a'"));
  }
}

TEST(Passwords, Weakness) {
  EXPECT_EQ(PasswordWeakness("short12", false), "Password must be at least 8 characters (weak)");
  EXPECT_EQ(PasswordWeakness(std::string(73, 'x'), false),
            "Password must be at most 72 characters (bcrypt limit, weak)");
  EXPECT_EQ(PasswordWeakness("password", false), "Password is too common");
  EXPECT_EQ(PasswordWeakness("Password", false), std::nullopt);
  EXPECT_EQ(PasswordWeakness(std::string(72, 'x'), false), std::nullopt);
  EXPECT_EQ(PasswordWeakness("lower_case_1", true), "Password must include at least one uppercase letter");
  EXPECT_EQ(PasswordWeakness("UPPER_CASE_1", true), "Password must include at least one lowercase letter");
  EXPECT_EQ(PasswordWeakness("No_digits_here", true), "Password must include at least one digit");
  EXPECT_EQ(PasswordWeakness("N0specials", true), "Password must include at least one special character");
  EXPECT_EQ(PasswordWeakness("G00d_enough", true), std::nullopt);
}

TEST(Passwords, HashAndVerify) {
  SeededRandom random(1);
  std::string hash = HashPassword("correct horse", kCost, random).value();
  EXPECT_TRUE(hash.starts_with("$2b$04$"));
  EXPECT_EQ(hash.size(), 60u);
  EXPECT_NE(HashPassword("correct horse", kCost, random).value(), hash) << "salted";
  EXPECT_TRUE(VerifyPassword("correct horse", hash));
  EXPECT_FALSE(VerifyPassword("correct horsE", hash));
  EXPECT_FALSE(VerifyPassword("", hash));
  for (std::string bad : {std::string(), std::string("x"), std::string(60, 'x'), std::string("$1$abc$def"),
                          hash + "x", hash.substr(0, 59), "$2b$99" + hash.substr(6)}) {
    EXPECT_FALSE(VerifyPassword("correct horse", bad)) << bad;
  }
  // A hash made elsewhere.
  EXPECT_TRUE(VerifyPassword("U*U", "$2b$05$CCCCCCCCCCCCCCCCCCCCC.E5YPO9kmyuRGyh0XouQYb4YMJKvyOeW"));
}

TEST(Passwords, NothingIsCutOff) {
  SeededRandom random(1);
  EXPECT_EQ(HashPassword(std::string(73, 'x'), kCost, random).error().code, ErrorCode::kInvalidOperation);
  EXPECT_EQ(HashPassword(std::string("abc\0def", 7), kCost, random).error().code,
            ErrorCode::kInvalidOperation);
  std::string hash = HashPassword(std::string(72, 'x'), kCost, random).value();
  EXPECT_TRUE(VerifyPassword(std::string(72, 'x'), hash));
  EXPECT_FALSE(VerifyPassword(std::string(73, 'x'), hash));
  EXPECT_FALSE(HashPassword("x", 3, random));
  EXPECT_FALSE(HashPassword("x", 32, random));
}

TEST(Hashing, RunsInOrderAndStopFinishes) {
  HashingThread thread;
  std::vector<int> ran;
  for (int i = 0; i < 10; ++i) EXPECT_TRUE(thread.Post([&ran, i] { ran.push_back(i); }));
  thread.Stop();
  EXPECT_THAT(ran, ElementsAre(0, 1, 2, 3, 4, 5, 6, 7, 8, 9));
  EXPECT_FALSE(thread.Post([] {}));
  thread.Stop();
}

TEST(Hashing, QueueIsBounded) {
  HashingThread thread(2);
  std::mutex mu;
  std::condition_variable changed;
  bool started = false;
  bool go = false;
  ASSERT_TRUE(thread.Post([&] {
    std::unique_lock lock(mu);
    started = true;
    changed.notify_all();
    changed.wait(lock, [&] { return go; });
  }));
  {
    std::unique_lock lock(mu);
    changed.wait(lock, [&] { return started; });
  }
  EXPECT_TRUE(thread.Post([] {}));
  EXPECT_TRUE(thread.Post([] {}));
  EXPECT_FALSE(thread.Post([] {}));
  {
    std::lock_guard lock(mu);
    go = true;
  }
  changed.notify_all();
  thread.Stop();
}

class LoginTest : public UsersTest {
 protected:
  // "ok <id>", or the failure.
  std::string Try(std::string_view user_id, std::string_view password, bool from_loopback = true) {
    Login login(*users_, clock_, {.bcrypt_cost = kCost});
    auto user = login.CheckPassword(user_id, password, from_loopback);
    if (user) return "ok " + (*user)->user_id;
    switch (user.error().failure) {
      case LoginFailure::kInvalidCredentials:
        return "invalid";
      case LoginFailure::kLocked:
        return "locked " + std::to_string(user.error().locked_minutes);
      case LoginFailure::kSetupRequired:
        return "setup";
      case LoginFailure::kRemoteRootWithoutPassword:
        return "remote";
      case LoginFailure::kInternal:
        return "internal";
    }
    return "?";
  }
  void AdvanceMinutes(int64_t minutes) { clock_.AdvanceMicros(minutes * 60'000'000); }
};

TEST_F(LoginTest, GoodAndBadPasswords) {
  Create("alice", Role::kUser, "s3cret-pass");
  EXPECT_EQ(Try("alice", "s3cret-pass"), "ok alice");
  EXPECT_EQ(Try("alice", "wrong"), "invalid");
  EXPECT_EQ(Try("alice", ""), "invalid");
  EXPECT_EQ(Try("Alice", "s3cret-pass"), "invalid");
  EXPECT_EQ(Try("nobody", "x"), "invalid");
  EXPECT_EQ(Try("", "x"), "invalid");
  EXPECT_EQ(Try("../alice", "x"), "invalid");
}

TEST_F(LoginTest, DeletedOauthAndPasswordlessAccounts) {
  Create("gone", Role::kUser, "s3cret-pass");
  ASSERT_TRUE(users_->Drop("gone"));
  EXPECT_EQ(Try("gone", "s3cret-pass"), "invalid");
  User oauth;
  oauth.user_id = "oauth";
  oauth.auth_type = AuthType::kOauth;
  oauth.password_hash = Hash("s3cret-pass");
  ASSERT_TRUE(users_->Create(oauth));
  EXPECT_EQ(Try("oauth", "s3cret-pass"), "invalid");
  Create("empty");
  for (int i = 0; i < 6; ++i) EXPECT_EQ(Try("empty", ""), "invalid");
  EXPECT_EQ(users_->Find("empty")->failed_login_attempts, 0);
}

TEST_F(LoginTest, FiveFailuresLockForFifteenMinutes) {
  Create("alice", Role::kUser, "s3cret-pass");
  for (int i = 0; i < 5; ++i) EXPECT_EQ(Try("alice", "wrong"), "invalid");
  EXPECT_EQ(Try("alice", "s3cret-pass"), "locked 15");
  clock_.AdvanceMicros(1'000);
  EXPECT_EQ(Try("alice", "s3cret-pass"), "locked 15");
  AdvanceMinutes(14);
  Reopen();
  EXPECT_EQ(Try("alice", "s3cret-pass"), "locked 1") << "survives a restart";
  AdvanceMinutes(1);
  EXPECT_EQ(Try("alice", "wrong"), "invalid") << "one more failure";
  EXPECT_EQ(Try("alice", "s3cret-pass"), "locked 15") << "locks again";
  AdvanceMinutes(15);
  EXPECT_EQ(Try("alice", "s3cret-pass"), "ok alice");
  UserPtr alice = users_->Find("alice");
  EXPECT_EQ(alice->failed_login_attempts, 0);
  EXPECT_EQ(alice->locked_until_ms, std::nullopt);
  EXPECT_EQ(alice->last_login_at_ms, clock_.WallMillis());
}

TEST_F(LoginTest, SuccessResetsTheCount) {
  Create("alice", Role::kUser, "s3cret-pass");
  for (int round = 0; round < 3; ++round) {
    for (int i = 0; i < 4; ++i) EXPECT_EQ(Try("alice", "wrong"), "invalid");
    EXPECT_EQ(Try("alice", "s3cret-pass"), "ok alice");
  }
}

TEST_F(LoginTest, RootWithoutPassword) {
  EXPECT_EQ(Try("root", "", true), "setup");
  EXPECT_EQ(Try("root", "", false), "setup");
  EXPECT_EQ(Try("root", "guess", true), "invalid");
  EXPECT_EQ(Try("root", "guess", false), "remote");
  EXPECT_EQ(users_->Find("root")->failed_login_attempts, 0);
}

TEST_F(LoginTest, RootWithPassword) {
  ASSERT_TRUE(users_->Update("root", [&](User& root) -> Status {
    root.password_hash = Hash("r00t-passw");
    return {};
  }));
  for (bool loopback : {true, false}) {
    EXPECT_EQ(Try("root", "r00t-passw", loopback), "ok root");
    EXPECT_EQ(Try("root", "", loopback), "invalid");
    EXPECT_EQ(Try("root", "wrong", loopback), "invalid");
  }
}

TEST_F(LoginTest, WorksWhenTheStoreRefusesWritesButNeverGuesses) {
  Create("alice", Role::kUser, "s3cret-pass");
  store_->Stop();
  EXPECT_EQ(Try("alice", "s3cret-pass"), "ok alice");
  EXPECT_EQ(Try("alice", "wrong"), "internal");
}

TEST_F(LoginTest, DecoyCostsARealCheck) {
  // The decoy must be a hash that crypt computes, or unknown users would be answered at once.
  Login login(*users_, clock_, {.bcrypt_cost = 10});
  auto begin = std::chrono::steady_clock::now();
  EXPECT_FALSE(login.CheckPassword("nobody", "x", true));
  EXPECT_GT(std::chrono::steady_clock::now() - begin, std::chrono::milliseconds(5));
}

// ---- Allow: the table of the permission matrix, written out.

std::string Verdict(Role role, Access access, TableType type, AccessLevel level,
                    std::string_view name = "ns.t") {
  Status status = Allow(Principal{"u", role}, access, type, level, name);
  if (status) return "yes";
  return status.error().code == ErrorCode::kPermissionDenied ? "no" : "never";
}

std::string Row(Access access, TableType type, AccessLevel level) {
  std::string row;
  for (Role role : {Role::kAnonymous, Role::kUser, Role::kService, Role::kDba, Role::kSystem}) {
    row += (row.empty() ? "" : " ") + Verdict(role, access, type, level);
  }
  return row;
}

TEST(AllowRule, Matrix) {
  constexpr auto kRead = Access::kRead;
  constexpr auto kWrite = Access::kWrite;
  for (Access access : {kRead, kWrite}) {
    for (TableType type : {TableType::kUser, TableType::kStream}) {
      EXPECT_EQ(Row(access, type, AccessLevel::kPrivate), "no yes yes yes yes");
    }
  }
  EXPECT_EQ(Row(kRead, TableType::kShared, AccessLevel::kPublic), "no yes yes yes yes");
  EXPECT_EQ(Row(kWrite, TableType::kShared, AccessLevel::kPublic), "no no yes yes yes");
  for (AccessLevel level : {AccessLevel::kPrivate, AccessLevel::kRestricted}) {
    EXPECT_EQ(Row(kRead, TableType::kShared, level), "no no yes yes yes");
    EXPECT_EQ(Row(kWrite, TableType::kShared, level), "no no yes yes yes");
  }
  EXPECT_EQ(Row(kRead, TableType::kShared, AccessLevel::kDba), "no no no yes yes");
  EXPECT_EQ(Row(kWrite, TableType::kShared, AccessLevel::kDba), "no no no yes yes");
  EXPECT_EQ(Row(kRead, TableType::kSystem, AccessLevel::kPrivate), "no no no yes yes");
  EXPECT_EQ(Row(kWrite, TableType::kSystem, AccessLevel::kPrivate), "no never never never never");
}

TEST(AllowRule, InformationSchemaIsForEverybodyWhoIsKnown) {
  auto verdict = [](Role role, Access access) {
    return Verdict(role, access, TableType::kSystem, AccessLevel::kPrivate, "information_schema.tables");
  };
  EXPECT_EQ(verdict(Role::kUser, Access::kRead), "yes");
  EXPECT_EQ(verdict(Role::kAnonymous, Access::kRead), "no");
  EXPECT_EQ(verdict(Role::kSystem, Access::kWrite), "never");
}

TEST(AllowRule, Messages) {
  auto message = [](Access access, TableType type, AccessLevel level) {
    return Allow(Principal{"u", Role::kUser}, access, type, level, "ns.t").error().message;
  };
  EXPECT_EQ(message(Access::kRead, TableType::kShared, AccessLevel::kPrivate),
            "Access denied: Role 'User' cannot access table 'ns.t'. Shared table access denied "
            "(access_level=Private)");
  EXPECT_EQ(message(Access::kWrite, TableType::kShared, AccessLevel::kPublic),
            "Access denied: Role 'User' cannot access table 'ns.t'. Shared table write denied "
            "(access_level=Public)");
  EXPECT_EQ(
      message(Access::kRead, TableType::kSystem, AccessLevel::kPrivate),
      "Access denied: Role 'User' cannot access table 'ns.t'. System tables require 'dba' or 'system' role.");
  EXPECT_EQ(message(Access::kWrite, TableType::kSystem, AccessLevel::kPrivate),
            "Cannot modify system table 'ns.t'");
}

TEST(AllowRule, Impersonation) {
  std::string matrix;
  for (Role actor : {Role::kAnonymous, Role::kUser, Role::kService, Role::kDba, Role::kSystem}) {
    for (Role target : {Role::kUser, Role::kService, Role::kDba, Role::kSystem}) {
      matrix += MayImpersonate(actor, target) ? '+' : '-';
    }
    matrix += ' ';
  }
  EXPECT_EQ(matrix, "---- ---- ++-- +++- ++++ ");
}

}  // namespace
}  // namespace kalam::auth
