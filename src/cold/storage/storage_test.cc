// Definitions of storages: templates, options, folders, health.
#include <gtest/gtest.h>

#include <fstream>
#include <map>

#include "base/random.h"
#include "cold/storage/health_check.h"
#include "cold/storage/storage_resolver.h"
#include "cold/storage/storage_template.h"
#include "cold/storage/store_for_test.h"

namespace kalam::cold {
namespace {

std::string Refusal(TemplateKind kind, std::string_view text) {
  const Status status = ValidateTemplate(kind, text);
  return status ? "fine" : status.error().message;
}

TEST(StorageTemplate, SharedRules) {
  const auto refusal = [](std::string_view text) { return Refusal(TemplateKind::kShared, text); };
  EXPECT_EQ(refusal(""), "fine");
  EXPECT_EQ(refusal("{namespace}/{tableName}"), "fine");
  EXPECT_EQ(refusal("a b/ns={namespace}/t_{tableName}/x"), "fine");
  EXPECT_EQ(refusal("{namespace_id}/{table-id}/{shard}"), "fine");
  EXPECT_EQ(refusal("{tableName}"),
            "Invalid storage template: Shared table template: {namespace} is required");
  EXPECT_EQ(refusal("{namespace}"),
            "Invalid storage template: Shared table template: {tableName} is required");
  EXPECT_EQ(refusal("x"),
            "Invalid storage template: Shared table template: Both {namespace} and {tableName} are required");
  EXPECT_EQ(refusal("{tableName}/{namespace}"),
            "Invalid storage template: Shared table template: {namespace} must appear before {tableName}");
  EXPECT_NE(refusal("{namespace}/{tableName}/{userId}").find("{userId} is not allowed"), std::string::npos);
}

TEST(StorageTemplate, UserRules) {
  const auto refusal = [](std::string_view text) { return Refusal(TemplateKind::kUser, text); };
  EXPECT_EQ(refusal("{namespace}/{tableName}/{userId}"), "fine");
  EXPECT_EQ(refusal("{namespace}/{tableName}/{shard}/{userId}"), "fine");
  EXPECT_EQ(refusal("users/{user_id}"), "fine");
  EXPECT_EQ(refusal("{namespace}/{tableName}"),
            "Invalid storage template: User table template: {userId} is required");
  for (const char* text : {"{tableName}/{namespace}/{userId}", "{userId}/{namespace}/{tableName}",
                           "{namespace}/{userId}/{tableName}", "{namespace}/{tableName}/{userId}/{shard}",
                           "{namespace}/{shard}/{tableName}/{userId}"}) {
    EXPECT_NE(refusal(text).find("must appear"), std::string::npos) << text;
  }
}

TEST(StorageTemplate, WhatNeverMayBe) {
  for (const char* text : {"/{namespace}/{tableName}/{userId}", "../{namespace}/{tableName}/{userId}",
                           "{namespace}/../{tableName}/{userId}", "{namespace}//{tableName}/{userId}",
                           "{namespace}/{tableName}/{userId}/.", "{namespace}/{tableName}{userId}",
                           "{namespace}_{tableName}/{userId}", "{namespace}/{tableName}/{userId}/{userId}",
                           "{namespace}/{tableName}/{userId", "{namespace}/{tableName}/{userId}}",
                           "{namespace}/{tableName}/{userId}/*", "{namespace}/{tableName}/{userId}/{other}",
                           ".kalam-staging/{userId}", "{namespace}\\{tableName}/{userId}"}) {
    EXPECT_TRUE(
        Refusal(TemplateKind::kUser, text).starts_with("Invalid storage template: User table template: "))
        << text << ": " << Refusal(TemplateKind::kUser, text);
  }
}

TEST(StorageTemplate, Resolves) {
  EXPECT_EQ(ResolveTemplate(TemplateKind::kShared, "{namespace}/{tableName}", {"app", "posts", ""}),
            "app/posts");
  EXPECT_EQ(
      ResolveTemplate(TemplateKind::kUser, "{namespace-id}/t_{table_name}/u-{user-id}", {"app", "n", "al"}),
      "app/t_n/u-al");
  EXPECT_EQ(ResolveTemplate(TemplateKind::kUser, "{namespace}/{tableName}/{userId}", {"a", "t", "../../etc"}),
            "a/t/%2E.%2F..%2Fetc");
  const std::string sharded =
      ResolveTemplate(TemplateKind::kUser, "{namespace}/{tableName}/{shard}/{userId}", {"a", "t", "alice"});
  EXPECT_EQ(sharded, "a/t/2b/alice") << "stored paths depend on it: the first byte of SHA-256 of the user id";
  EXPECT_EQ(ResolveTemplate(TemplateKind::kUser, "users/{userId}", {"a", "t", "u"}), "users/u/a.t")
      << "two tables never share a folder";
}

class StorageOptionsTest : public testing::Test {
 protected:
  StorageOptionsTest() {
    defaults_.data_path = folder_.path() + "/data";
    defaults_.env = [this](const char* name) {
      const auto found = env_.find(name);
      return found == env_.end() ? nullptr : found->second.c_str();
    };
  }
  Storage S3(std::string config = "", std::string credentials = "") {
    Storage storage;
    storage.id = "s3-main";
    storage.type = StorageType::kS3;
    storage.base_directory = "s3://bucket/some/prefix/";
    storage.config_json = std::move(config);
    storage.credentials_json = std::move(credentials);
    return storage;
  }
  std::string Refusal(const Storage& storage) {
    const Status status = ValidateStorage(storage, defaults_);
    return status ? "fine" : status.error().message;
  }

  TempFolder folder_;
  std::map<std::string, std::string> env_;
  StorageDefaults defaults_;
};

TEST_F(StorageOptionsTest, S3Defaults) {
  const auto options = S3OptionsOf(S3(), defaults_);
  ASSERT_TRUE(options) << options.error().message;
  EXPECT_EQ(options->bucket, "bucket");
  EXPECT_EQ(options->prefix, "some/prefix");
  EXPECT_EQ(options->region, "us-east-1");
  EXPECT_EQ(options->endpoint, "https://s3.us-east-1.amazonaws.com");
  EXPECT_FALSE(options->path_style);
  EXPECT_TRUE(options->access_key_id.empty());
}

TEST_F(StorageOptionsTest, CredentialsComeFromSqlElseFromTheEnvironment) {
  env_ = {
      {"AWS_ACCESS_KEY_ID", "env-id"}, {"AWS_SECRET_ACCESS_KEY", "env-secret"}, {"AWS_REGION", "eu-west-1"}};
  EXPECT_EQ(S3OptionsOf(S3(), defaults_)->access_key_id, "env-id");
  EXPECT_EQ(S3OptionsOf(S3(), defaults_)->region, "eu-west-1");
  const std::string keys = R"({"access_key_id": "sql-id", "secret_access_key": "sql-secret"})";
  EXPECT_EQ(S3OptionsOf(S3("", keys), defaults_)->access_key_id, "sql-id");
  EXPECT_EQ(S3OptionsOf(S3(keys), defaults_)->secret_access_key, "sql-secret");
  EXPECT_EQ(S3OptionsOf(S3("", keys), defaults_)->session_token, "");
}

TEST_F(StorageOptionsTest, EndpointsSayPathStyleUnlessToldOtherwise) {
  const auto local =
      S3OptionsOf(S3(R"({"endpoint": "http://127.0.0.1:9000/", "allow_http": true})"), defaults_);
  ASSERT_TRUE(local) << local.error().message;
  EXPECT_EQ(local->endpoint, "http://127.0.0.1:9000");
  EXPECT_TRUE(local->path_style);
  EXPECT_FALSE(S3OptionsOf(S3(R"({"endpoint": "https://s3.example.com", "path_style": false})"), defaults_)
                   ->path_style);
  EXPECT_NE(Refusal(S3(R"({"endpoint": "http://127.0.0.1:9000"})")).find("allow_http"), std::string::npos);
  for (const char* endpoint :
       {"ftp://x", "https://", "https://user:secretword@host", "https://h/path", "https://a b"}) {
    const std::string refusal = Refusal(S3(fmt::format(R"({{"endpoint": "{}"}})", endpoint)));
    EXPECT_NE(refusal.find("'endpoint'"), std::string::npos) << endpoint;
    EXPECT_EQ(refusal.find("secretword"), std::string::npos);
  }
}

TEST_F(StorageOptionsTest, MalformedJsonIsNamedWithoutShowingIt) {
  EXPECT_TRUE(Refusal(S3("", "{secretword")).starts_with("Invalid credentials JSON"))
      << Refusal(S3("", "{secretword"));
  EXPECT_EQ(Refusal(S3("", "{secretword")).find("secretword"), std::string::npos);
  EXPECT_EQ(Refusal(S3("", "[1]")), "Credentials must be a JSON object");
  EXPECT_TRUE(Refusal(S3("{")).starts_with("Invalid CONFIG JSON"));
  EXPECT_EQ(Refusal(S3("3")), "CONFIG must be a JSON object");
  EXPECT_NE(Refusal(S3(R"({"regoin": "x"})")).find("unknown key 'regoin'"), std::string::npos);
  EXPECT_NE(Refusal(S3("", R"({"access_key_id": "a"})")).find("go together"), std::string::npos);
  EXPECT_NE(Refusal(S3("", R"({"access_key_id": "a", "secret_access_key": "b\r\nX: y"})"))
                .find("control characters"),
            std::string::npos);
}

TEST_F(StorageOptionsTest, FoldersKeepAwayFromTheDatabase) {
  Storage storage;
  storage.id = "x";
  EXPECT_EQ(Refusal(storage), "Filesystem storage requires a non-empty base directory");
  for (const std::string folder :
       {"/", "/data", "/data/rocksdb", "/data/rocksdb/x", "/data/../data/rocksdb/.."}) {
    storage.base_directory = folder == "/" ? "/" : folder_.path() + folder;
    EXPECT_TRUE(Refusal(storage).starts_with("Invalid base directory")) << storage.base_directory;
  }
  storage.base_directory = folder_.path() + "/data/other";
  EXPECT_EQ(Refusal(storage), "fine");
}

TEST(MaskSecrets, HidesValuesOfSecretKeys) {
  EXPECT_EQ(
      MaskSecrets(R"({"region":"r","access_key_id":"A","Secret_Access_Key":"S","session_token":["t"]})"),
      R"({"region":"r","access_key_id":"***","Secret_Access_Key":"***","session_token":"***"})");
  EXPECT_EQ(MaskSecrets("nonsense"), "\"***\"");
}

TEST_F(StorageOptionsTest, StoredSecretsAreSealed) {
  SystemRandom random;
  const std::string key_file = folder_.path() + "/storage.key";
  defaults_.secrets = std::make_shared<const SecretBox>(SecretBox::Open(key_file, random).value());
  const std::string keys = R"({"access_key_id": "sql-id", "secret_access_key": "sql-secret"})";
  for (Storage storage : {S3("", keys), S3(keys)}) {
    ASSERT_TRUE(AdoptConfigSecrets(storage, !storage.credentials_json.empty(), defaults_));
    ASSERT_TRUE(SealSecrets(storage, defaults_));
    EXPECT_TRUE(SecretBox::IsSealed(storage.credentials_json));
    EXPECT_EQ((storage.credentials_json + storage.config_json).find("sql-"), std::string::npos);
    const auto options = S3OptionsOf(storage, defaults_);
    ASSERT_TRUE(options) << options.error().message;
    EXPECT_EQ(options->secret_access_key, "sql-secret");
    const std::string once = storage.credentials_json;
    ASSERT_TRUE(SealSecrets(storage, defaults_));
    EXPECT_EQ(storage.credentials_json, once) << "ALTER of something else leaves them alone";
    storage.id = "other";
    EXPECT_EQ(S3OptionsOf(storage, defaults_).error().code, ErrorCode::kCorruption);
  }
  EXPECT_EQ(std::filesystem::status(key_file).permissions(),
            std::filesystem::perms::owner_read | std::filesystem::perms::owner_write);
}

TEST_F(StorageOptionsTest, SecretsOfANewConfigurationCountWhereNoCredentialsAreGiven) {
  SystemRandom random;
  defaults_.secrets =
      std::make_shared<const SecretBox>(SecretBox::Open(folder_.path() + "/k", random).value());
  Storage storage = S3("", R"({"access_key": "id", "secret_key": "old", "session_token": "old"})");
  ASSERT_TRUE(SealSecrets(storage, defaults_));
  storage.config_json = R"({"region": "r", "session_token": "new"})";
  Storage altered = storage;
  ASSERT_TRUE(AdoptConfigSecrets(altered, false, defaults_));
  EXPECT_EQ(altered.config_json, R"({"region":"r"})");
  auto options = S3OptionsOf(altered, defaults_);
  ASSERT_TRUE(options) << options.error().message;
  EXPECT_EQ(options->access_key_id, "id");
  EXPECT_EQ(options->secret_access_key, "old");
  EXPECT_EQ(options->session_token, "new");
  storage.credentials_json = R"({"access_key": "id2", "secret_key": "new", "session_token": "given"})";
  storage.config_json =
      R"({"access_key_id": "config", "secret_access_key": "config", "session_token": "config"})";
  ASSERT_TRUE(AdoptConfigSecrets(storage, true, defaults_));
  options = S3OptionsOf(storage, defaults_);
  EXPECT_EQ(options->access_key_id, "id2") << "CREDENTIALS of the same statement win";
  EXPECT_EQ(options->secret_access_key, "new");
  EXPECT_EQ(options->session_token, "given");
}

TEST_F(StorageOptionsTest, AnotherKeyFileIsNamed) {
  SystemRandom random;
  const auto first = SecretBox::Open(folder_.path() + "/1", random);
  const auto again = SecretBox::Open(folder_.path() + "/1", random);
  const auto second = SecretBox::Open(folder_.path() + "/2", random);
  ASSERT_TRUE(first && again && second);
  const std::string sealed = first->Seal("text", "s");
  EXPECT_EQ(*again->Unseal(sealed, "s"), "text");
  EXPECT_NE(first->Seal("text", "s"), sealed) << "no nonce is used twice";
  const auto other = second->Unseal(sealed, "s");
  ASSERT_FALSE(other);
  EXPECT_NE(other.error().message.find("ALTER STORAGE s SET CREDENTIALS"), std::string::npos);
  for (size_t i = 3; i < sealed.size(); ++i) {
    std::string bent = sealed;
    bent[i] = bent[i] == '0' ? '1' : '0';
    EXPECT_FALSE(first->Unseal(bent, "s")) << i;
  }
  EXPECT_FALSE(first->Unseal("v1:", "s"));
  EXPECT_FALSE(first->Unseal("v1:zz", "s"));
  std::ofstream(folder_.path() + "/3") << "short";
  EXPECT_EQ(SecretBox::Open(folder_.path() + "/3", random).error().code, ErrorCode::kCorruption);
}

class ResolverTest : public testing::Test {
 protected:
  ResolverTest() {
    StorageDefaults defaults;
    defaults.data_path = folder_.path();
    defaults.shared_tables_template = "{namespace}/{tableName}";
    defaults.user_tables_template = "{namespace}/{tableName}/{userId}";
    defaults.owner = "me";
    resolver_ = std::make_unique<StorageResolver>(
        defaults,
        [this](std::string_view id) {
          const auto found = storages_.find(id);
          return found == storages_.end() ? nullptr : found->second;
        },
        clock_);
    Storage local;
    local.id = "local";
    Define(local);
  }
  void Define(const Storage& storage) { storages_[storage.id] = std::make_shared<const Storage>(storage); }

  SystemClock clock_;
  SystemRandom random_;
  TempFolder folder_;
  std::map<std::string, StoragePtr, std::less<>> storages_;
  std::unique_ptr<StorageResolver> resolver_;
};

TEST_F(ResolverTest, FindsStoresAndFolders) {
  EXPECT_EQ(resolver_->StoreOf("nowhere").error().code, ErrorCode::kNotFoundStorage);
  const auto shared = resolver_->Resolve({"local", "app", "posts", TableType::kShared}, "");
  ASSERT_TRUE(shared) << shared.error().message;
  EXPECT_EQ(shared->folder, "app/posts");
  const auto user = resolver_->Resolve({"local", "app", "notes", TableType::kUser}, "al/ice");
  EXPECT_EQ(user->folder, "app/notes/al%2Fice");
  EXPECT_EQ(*user->store->LocalPath("a"), folder_.path() + "/storage/a");
  EXPECT_EQ(resolver_->Resolve({"local", "app", "notes", TableType::kUser}, "").error().code,
            ErrorCode::kInternal);
}

TEST_F(ResolverTest, AlteredDefinitionsCountAtOnce) {
  const auto before = resolver_->StoreOf("local");
  EXPECT_EQ(*before, *resolver_->StoreOf("local"));
  Storage altered = *storages_["local"];
  altered.shared_tables_template = "x/{namespace}/{tableName}";
  Define(altered);
  EXPECT_NE(*before, *resolver_->StoreOf("local"));
  EXPECT_EQ(resolver_->Resolve({"local", "app", "posts", TableType::kShared}, "")->folder, "x/app/posts");
}

TEST_F(ResolverTest, TheFirstOpeningRemovesWhatAnEarlierRunLeft) {
  const std::string staging = (*resolver_->StoreOf("local"))->staging_folder();
  std::ofstream(staging + "/left") << "x";
  Define(*storages_["local"]);
  ASSERT_TRUE(resolver_->StoreOf("local"));
  EXPECT_TRUE(std::filesystem::exists(staging + "/left")) << "a file of this run stays";
  StorageResolver next_run(
      resolver_->defaults(), [this](std::string_view) { return storages_["local"]; }, clock_);
  ASSERT_TRUE(next_run.StoreOf("local"));
  EXPECT_FALSE(std::filesystem::exists(staging + "/left"));
}

TEST_F(ResolverTest, HealthIsJudgedByDoing) {
  for (const std::string& name : BackendsForTest()) {
    const auto backend = MakeBackendForTest(name);
    const StorageHealth health = CheckHealth(*backend->store(), true, clock_, random_, {});
    EXPECT_EQ(health.status(), "healthy") << health.error;
    EXPECT_EQ(health.total_bytes.has_value(), name == "filesystem");
    EXPECT_TRUE(backend->store()->ListAll("")->empty()) << "nothing is left behind";
  }
}

TEST_F(ResolverTest, HealthNamesWhatDoesNotWork) {
  auto& server = S3ServerForTest::Shared();
  S3Options options = server.Options(folder_.path());
  options.attempts_max = 1;
  S3ObjectStore store("s3-main", options, clock_);
  server.Fault("status", "DELETE", 1, R"("status":403,"code":"AccessDenied")");
  const StorageHealth degraded = CheckHealth(store, false, clock_, random_, {});
  EXPECT_EQ(degraded.status(), "degraded");
  EXPECT_FALSE(degraded.deletable);
  EXPECT_NE(degraded.error.find("cannot delete"), std::string::npos) << degraded.error;
  options.secret_access_key = "wrong";
  S3ObjectStore closed("s3-main", options, clock_);
  const StorageHealth unreachable = CheckHealth(closed, false, clock_, random_, {});
  EXPECT_EQ(unreachable.status(), "unreachable");
  server.ClearFaults();
}

}  // namespace
}  // namespace kalam::cold
