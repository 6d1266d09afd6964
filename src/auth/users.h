// Users: accounts in the meta space of the hot tier, with an in-memory copy that every request reads.
//
// Owner: main(). Threads: every method is thread-safe; changes are serialised by an internal lock and visible
// to the next request as soon as they are durable. Errors: kNotFoundUser, kAlreadyExists, kInvalidOperation
// (policy), kInvalidInput (bad id).
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/change_listeners.h"
#include "base/clock.h"
#include "base/error.h"
#include "hot/import_commit.h"
#include "hot/store.h"
#include "model/principal.h"

namespace kalam::auth {

// Stored on disk. Never change a number.
enum class AuthType : uint8_t { kPassword = 1, kOauth = 2, kInternal = 3 };

struct User {
  std::string user_id;
  std::string password_hash;  // bcrypt, may be empty
  Role role = Role::kUser;
  std::optional<std::string> email;
  AuthType auth_type = AuthType::kPassword;
  std::optional<std::string> auth_data;  // JSON {provider, subject}
  std::string storage_mode = "table";
  std::optional<std::string> storage_id;
  int64_t failed_login_attempts = 0;
  std::optional<int64_t> locked_until_ms;
  std::optional<int64_t> last_login_at_ms;
  std::optional<int64_t> last_seen_ms;
  int64_t created_at_ms = 0;
  int64_t updated_at_ms = 0;
  std::optional<int64_t> deleted_at_ms;
};

using UserPtr = std::shared_ptr<const User>;

// An account as a backup has it.
struct UserImage {
  std::string user_id;
  std::string record;  // docs/user-format.md
};
// All accounts at the snapshot, dropped ones too: their ids stay taken.
Result<std::vector<UserImage>> ReadUsers(const hot::Store& store, const hot::Snapshot& snapshot);

class Users {
 public:
  // Loads all accounts and creates `root` (role system, internal) when absent, with `root_password_hash` (may
  // be empty).
  static Result<std::unique_ptr<Users>> Open(hot::Store& store, const Clock& clock,
                                             std::string root_password_hash);
  ~Users();

  // nullptr when there never was such a user. Deleted users are returned with deleted_at_ms set.
  UserPtr Find(std::string_view user_id) const;
  std::vector<UserPtr> List() const;
  // Grows with every change of any user; a cached decision is valid while it stands.
  uint64_t version() const;
  // Grows when a user's role changes or a user is dropped: logins and the like leave it as it is.
  uint64_t rights_version() const;
  // Told after each change of rights_version().
  ChangeListeners& rights_changes();

  // Waits for durability. kAlreadyExists also for a soft-deleted id: "User 'x' already exists".
  // `also` is written in the same batch, here and below.
  Status Create(User user, std::vector<hot::MetaOp> also = {});
  // Applies `change` to the current record under the lock and stores it. kNotFoundUser when missing or
  // deleted.
  Status Update(std::string_view user_id, const std::function<Status(User&)>& change,
                std::vector<hot::MetaOp> also = {});
  // Adds the accounts that are not here; existing ones, dropped ones too, stay as they are. Accounts of role
  // system are left out unless `with_system`: who may not make one must not bring one in.
  // `imported` is known before `commit` is called.
  struct Imported {
    int64_t added = 0;
    int64_t left_out = 0;
  };
  Status Import(const std::vector<UserImage>& images, bool with_system, Imported& imported,
                const hot::ImportCommit& commit);
  // Of a dropped user: removes the record for good, so that the id is free again. Only when nothing that the
  // user owned is left.
  Status Erase(std::string_view user_id);
  // Of a dropped user: removes what is personal (password, e-mail, identity); the id stays taken.
  Status Anonymize(std::string_view user_id);
  // Sets deleted_at_ms.
  Status Drop(std::string_view user_id, std::vector<hot::MetaOp> also = {});

 private:
  struct Impl;
  explicit Users(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

// kInvalidInput unless `user_id` is non-empty, at most limits::kUserIdBytesMax bytes and free of "..", '/',
// '\\' and NUL.
Status ValidateUserId(std::string_view user_id);

}  // namespace kalam::auth
