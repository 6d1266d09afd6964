#include "auth/users.h"

#include <fmt/format.h>

#include <algorithm>
#include <atomic>
#include <mutex>
#include <shared_mutex>
#include <unordered_map>
#include <utility>

#include "auth/user_record.h"
#include "base/limits.h"

namespace kalam::auth {
namespace {

constexpr std::string_view kRootId = "root";

struct TextHash {
  using is_transparent = void;
  size_t operator()(std::string_view text) const { return std::hash<std::string_view>{}(text); }
};
using UserMap = std::unordered_map<std::string, UserPtr, TextHash, std::equal_to<>>;

std::unexpected<Error> NotFound(std::string_view user_id) {
  return Fail(ErrorCode::kNotFoundUser, fmt::format("User '{}' not found", user_id));
}

}  // namespace

struct Users::Impl {
  Impl(hot::Store& s, const Clock& c) : store(s), clock(c) {}

  UserPtr Find(std::string_view user_id) const {
    std::shared_lock lock(map_mu);
    auto it = users.find(user_id);
    return it == users.end() ? nullptr : it->second;
  }

  // Stores the record, waits until it is durable, then shows it to readers. Needs change_mu.
  Status Put(User user, std::vector<hot::MetaOp> also) {
    hot::Batch batch;
    batch.meta = std::move(also);
    batch.meta.push_back({.key = std::string(kUserKeyPrefix) + user.user_id, .value = EncodeUser(user)});
    KALAM_TRY(store.Commit(std::move(batch)).status);
    auto next = std::make_shared<const User>(std::move(user));
    UserPtr old;  // destroyed outside the lock
    {
      std::unique_lock lock(map_mu);
      old = std::exchange(users[next->user_id], next);
    }
    // After the map: who reads the new version also finds the new user.
    version.fetch_add(1, std::memory_order_release);
    const bool same_rights = old != nullptr && old->role == next->role &&
                             old->deleted_at_ms.has_value() == next->deleted_at_ms.has_value();
    if (!same_rights) RightsChanged();
    return {};
  }

  void RightsChanged() {
    rights_version.fetch_add(1, std::memory_order_release);
    rights_changes.Tell();
  }

  Status Load() {
    auto cursor = store.Scan(hot::Space::kMeta, kUserKeyPrefix, kUserKeyEnd);
    for (; cursor->Valid(); cursor->Next()) {
      std::string user_id(cursor->key().substr(kUserKeyPrefix.size()));
      KALAM_ASSIGN(User user, DecodeUser(user_id, cursor->value()));
      users[user_id] = std::make_shared<const User>(std::move(user));
    }
    return cursor->status();
  }

  hot::Store& store;
  const Clock& clock;
  std::mutex change_mu;  // one change at a time, across its commit
  mutable std::shared_mutex map_mu;
  UserMap users;
  std::atomic<uint64_t> version{1};
  std::atomic<uint64_t> rights_version{1};
  ChangeListeners rights_changes;
};

Users::Users(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
Users::~Users() = default;

Result<std::unique_ptr<Users>> Users::Open(hot::Store& store, const Clock& clock,
                                           std::string root_password_hash) {
  auto impl = std::make_unique<Impl>(store, clock);
  KALAM_TRY(impl->Load());
  std::unique_ptr<Users> users(new Users(std::move(impl)));
  if (users->Find(kRootId) == nullptr) {
    User root;
    root.user_id = kRootId;
    root.password_hash = std::move(root_password_hash);
    root.role = Role::kSystem;
    root.email = "root@localhost";
    root.auth_type = AuthType::kInternal;
    root.storage_id = "local";
    KALAM_TRY(users->Create(std::move(root)));
  }
  return users;
}

UserPtr Users::Find(std::string_view user_id) const { return impl_->Find(user_id); }

std::vector<UserPtr> Users::List() const {
  std::vector<UserPtr> list;
  {
    std::shared_lock lock(impl_->map_mu);
    list.reserve(impl_->users.size());
    for (const auto& [id, user] : impl_->users) list.push_back(user);
  }
  std::ranges::sort(list, {}, [](const UserPtr& user) -> const std::string& { return user->user_id; });
  return list;
}

uint64_t Users::version() const { return impl_->version.load(std::memory_order_acquire); }

uint64_t Users::rights_version() const { return impl_->rights_version.load(std::memory_order_acquire); }

ChangeListeners& Users::rights_changes() { return impl_->rights_changes; }

Status Users::Create(User user, std::vector<hot::MetaOp> also) {
  KALAM_TRY(ValidateUserId(user.user_id));
  std::lock_guard lock(impl_->change_mu);
  // A dropped user keeps its id: whoever got it anew would own the old user's rows.
  if (impl_->Find(user.user_id) != nullptr) {
    return Fail(ErrorCode::kAlreadyExists, fmt::format("User '{}' already exists", user.user_id));
  }
  user.created_at_ms = impl_->clock.WallMillis();
  user.updated_at_ms = user.created_at_ms;
  return impl_->Put(std::move(user), std::move(also));
}

Status Users::Update(std::string_view user_id, const std::function<Status(User&)>& change,
                     std::vector<hot::MetaOp> also) {
  std::lock_guard lock(impl_->change_mu);
  UserPtr current = impl_->Find(user_id);
  if (current == nullptr || current->deleted_at_ms) return NotFound(user_id);
  User next = *current;
  KALAM_TRY(change(next));
  // Nobody else could give it back.
  if (user_id == kRootId && next.role != Role::kSystem)
    return Fail(ErrorCode::kInvalidOperation, "User 'root' keeps the role system");
  next.user_id = current->user_id;
  next.updated_at_ms = impl_->clock.WallMillis();
  return impl_->Put(std::move(next), std::move(also));
}

Status Users::Drop(std::string_view user_id, std::vector<hot::MetaOp> also) {
  // Without root nobody could repair a server whose other administrators are gone.
  if (user_id == kRootId) return Fail(ErrorCode::kInvalidOperation, "User 'root' cannot be dropped");
  const auto mark = [this](User& user) -> Status {
    user.deleted_at_ms = impl_->clock.WallMillis();
    return {};
  };
  return Update(user_id, mark, std::move(also));
}

Status Users::Import(const std::vector<UserImage>& images, bool with_system, Imported& imported,
                     const hot::ImportCommit& commit) {
  std::lock_guard lock(impl_->change_mu);
  std::vector<UserPtr> added;
  std::vector<hot::MetaOp> ops;
  for (const UserImage& image : images) {
    KALAM_TRY(ValidateUserId(image.user_id));
    KALAM_ASSIGN(User user, DecodeUser(image.user_id, image.record));
    if (impl_->Find(user.user_id) != nullptr) continue;
    if (user.role == Role::kSystem && !with_system) {
      ++imported.left_out;
      continue;
    }
    // A lock was a matter of that day.
    user.failed_login_attempts = 0;
    user.locked_until_ms.reset();
    ops.push_back({.key = std::string(kUserKeyPrefix) + user.user_id, .value = EncodeUser(user)});
    added.push_back(std::make_shared<const User>(std::move(user)));
  }
  imported.added = static_cast<int64_t>(added.size());
  const auto committed = [&] {
    {
      std::unique_lock map_lock(impl_->map_mu);
      for (const UserPtr& user : added) impl_->users[user->user_id] = user;
    }
    impl_->version.fetch_add(1, std::memory_order_release);
    if (!added.empty()) impl_->RightsChanged();
  };
  return commit(std::move(ops), committed);
}

Status Users::Erase(std::string_view user_id) {
  std::lock_guard lock(impl_->change_mu);
  const UserPtr current = impl_->Find(user_id);
  if (current == nullptr) return {};
  if (!current->deleted_at_ms) return Fail(ErrorCode::kInvalidOperation, "User must be soft-deleted first");
  hot::Batch batch;
  batch.meta.push_back({.key = std::string(kUserKeyPrefix) + current->user_id, .value = std::nullopt});
  KALAM_TRY(impl_->store.Commit(std::move(batch)).status);
  {
    std::unique_lock map_lock(impl_->map_mu);
    impl_->users.erase(impl_->users.find(user_id));
  }
  impl_->version.fetch_add(1, std::memory_order_release);
  impl_->RightsChanged();
  return {};
}

Status Users::Anonymize(std::string_view user_id) {
  std::lock_guard lock(impl_->change_mu);
  const UserPtr current = impl_->Find(user_id);
  if (current == nullptr) return NotFound(user_id);
  if (!current->deleted_at_ms) return Fail(ErrorCode::kInvalidOperation, "User must be soft-deleted first");
  User next = *current;
  next.password_hash.clear();
  next.email.reset();
  next.auth_data.reset();
  next.last_login_at_ms.reset();
  next.last_seen_ms.reset();
  next.updated_at_ms = impl_->clock.WallMillis();
  return impl_->Put(std::move(next), {});
}

Result<std::vector<UserImage>> ReadUsers(const hot::Store& store, const hot::Snapshot& snapshot) {
  std::vector<UserImage> images;
  const auto cursor =
      store.Scan(hot::Space::kMeta, kUserKeyPrefix, kUserKeyEnd, hot::Direction::kForward, &snapshot);
  for (; cursor->Valid(); cursor->Next())
    images.push_back(
        {std::string(cursor->key().substr(kUserKeyPrefix.size())), std::string(cursor->value())});
  KALAM_TRY(cursor->status());
  return images;
}

Status ValidateUserId(std::string_view user_id) {
  auto refuse = [](std::string why) {
    return Fail(ErrorCode::kInvalidInput, "Invalid user id: " + std::move(why));
  };
  if (user_id.find_first_not_of(" \t\r\n") == std::string_view::npos) return refuse("it is empty");
  if (user_id.size() > limits::kUserIdBytesMax) {
    return refuse(fmt::format("it has {} bytes, the maximum is {}", user_id.size(), limits::kUserIdBytesMax));
  }
  // Ids become path components of stored files.
  if (user_id.find("..") != std::string_view::npos) return refuse("it contains '..'");
  if (user_id.find_first_of(std::string_view("/\\\0", 3)) != std::string_view::npos) {
    return refuse("it contains '/', '\\' or NUL");
  }
  return {};
}

}  // namespace kalam::auth
