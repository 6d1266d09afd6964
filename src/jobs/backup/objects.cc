#include "jobs/backup/objects.h"

#include <fmt/format.h>

#include <algorithm>
#include <functional>
#include <iterator>
#include <utility>

#include "base/fault_point.h"
#include "catalog/record.h"
#include "hot/key_codec.h"
#include "topics/topics.h"

namespace kalam::jobs {
namespace {

// "app" of "app.v".
std::string_view NamespaceOf(std::string_view name) { return name.substr(0, name.find('.')); }

bool HoldsNamespace(const BackupScope& scope, std::string_view ns) {
  return scope.table.empty() && (scope.ns.empty() || scope.ns == ns);
}

std::unexpected<Error> Damaged(std::string_view kind, const BackupRecord& record, std::string_view why) {
  return Fail(ErrorCode::kCorruption,
              fmt::format("The backup's definition of {} '{}' is damaged: {}", kind, record.name, why));
}

Status ReadViews(const hot::Store& store, const hot::Snapshot& snapshot, const BackupScope& scope,
                 BackupManifest& manifest) {
  const auto cursor = store.Scan(hot::Space::kMeta, catalog::kViewPrefix,
                                 hot::PrefixEnd(catalog::kViewPrefix), hot::Direction::kForward, &snapshot);
  for (; cursor->Valid(); cursor->Next()) {
    KALAM_ASSIGN(const catalog::View view, catalog::DecodeView(cursor->value()));
    if (HoldsNamespace(scope, view.ns))
      manifest.views.push_back({view.full_name(), std::string(cursor->value())});
  }
  return cursor->status();
}

Status ReadStorages(const hot::Store& store, const hot::Snapshot& snapshot, BackupManifest& manifest) {
  const auto cursor =
      store.Scan(hot::Space::kMeta, catalog::kStoragePrefix, hot::PrefixEnd(catalog::kStoragePrefix),
                 hot::Direction::kForward, &snapshot);
  for (; cursor->Valid(); cursor->Next()) {
    KALAM_ASSIGN(Storage storage, catalog::DecodeStorage(cursor->value()));
    manifest.storages.push_back({std::move(storage.id), std::string(cursor->value())});
  }
  return cursor->status();
}

bool IsOwnedBySystem(const JobServices& services, const Job& job) {
  const auth::UserPtr owner = services.users.Find(job.owner);
  return owner != nullptr && owner->role == Role::kSystem && !owner->deleted_at_ms;
}

}  // namespace

Status ReadObjects(const JobServices& services, const hot::Snapshot& snapshot, const BackupScope& scope,
                   BackupManifest& manifest) {
  if (!scope.table.empty()) return {};
  KALAM_TRY(ReadViews(services.store, snapshot, scope, manifest));
  KALAM_ASSIGN(manifest.topics, topics::ReadTopics(services.store, snapshot, scope.ns));
  if (!scope.ns.empty()) return {};
  KALAM_TRY(ReadStorages(services.store, snapshot, manifest));
  KALAM_ASSIGN(std::vector<auth::UserImage> users, auth::ReadUsers(services.store, snapshot));
  for (auth::UserImage& user : users)
    manifest.users.push_back({std::move(user.user_id), std::move(user.record)});
  return {};
}

Result<catalog::CatalogImport> DecodeObjects(const BackupManifest& manifest, const BackupScope& scope) {
  catalog::CatalogImport content;
  for (const BackupRecord& record : manifest.namespaces) {
    if (!scope.ns.empty() && record.name != scope.ns) continue;
    auto ns = catalog::DecodeNamespace(record.record);
    if (!ns) return Damaged("namespace", record, ns.error().message);
    content.namespaces.push_back(std::move(*ns));
  }
  for (const BackupRecord& record : manifest.views) {
    if (!HoldsNamespace(scope, NamespaceOf(record.name))) continue;
    auto view = catalog::DecodeView(record.record);
    if (!view) return Damaged("view", record, view.error().message);
    if (view->full_name() != record.name) return Damaged("view", record, "it is another one");
    content.views.push_back(std::move(*view));
  }
  if (!scope.ns.empty()) return content;
  for (const BackupRecord& record : manifest.storages) {
    auto storage = catalog::DecodeStorage(record.record);
    if (!storage) return Damaged("storage", record, storage.error().message);
    if (storage->id != record.name) return Damaged("storage", record, "it is another one");
    content.storages.push_back(std::move(*storage));
  }
  return content;
}

Status ImportObjects(const JobServices& services, const BackupManifest& manifest, const BackupScope& scope,
                     Round& round, const hot::ImportCommit& commit) {
  std::vector<auth::UserImage> users;
  if (scope.ns.empty()) {
    for (const BackupRecord& user : manifest.users) users.push_back({user.name, user.record});
  }
  std::vector<topics::TopicImage> topics;
  for (const topics::TopicImage& topic : manifest.topics) {
    if (HoldsNamespace(scope, NamespaceOf(topic.name))) topics.push_back(topic);
  }
  auth::Users::Imported accounts;
  int64_t topics_added = 0;
  CrashPoint({"restore.definitions"});
  const auto with_users = [&](std::vector<hot::MetaOp> user_ops, const std::function<void()>& users_written) {
    CrashPoint({"restore.users"});
    const auto with_topics = [&](std::vector<hot::MetaOp> ops, const std::function<void()>& topics_written) {
      CrashPoint({"restore.topics"});
      std::ranges::move(user_ops, std::back_inserter(ops));
      round.metrics().Set("users_restored", accounts.added);
      round.metrics().Set("users_left_out", accounts.left_out);
      round.metrics().Set("topics_restored", topics_added);
      const auto written = [&] {
        users_written();
        CrashPoint({"restore.users_shown"});
        topics_written();
      };
      return commit(std::move(ops), written);
    };
    if (services.topics != nullptr) return services.topics->Import(topics, topics_added, with_topics);
    return with_topics({}, [] {});
  };
  return services.users.Import(users, IsOwnedBySystem(services, round.job()), accounts, with_users);
}

}  // namespace kalam::jobs
