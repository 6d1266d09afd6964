// StorageResolver: from storage ids to open stores, and from tables and users to folders in them.
//
// Purpose: the one place that knows which backend a storage has. Owner: main(). Threads: thread-safe. Stores
//   are opened when first asked for and opened anew when the storage's definition has changed, so ALTER
//   STORAGE counts at once; who holds an older store may finish with it.
// Errors: kNotFoundStorage for unknown ids, and what opening a backend answers.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <set>
#include <string>
#include <string_view>

#include "base/clock.h"
#include "base/error.h"
#include "cold/storage/object_store.h"
#include "cold/storage/storage_options.h"
#include "model/schema.h"
#include "model/storage.h"

namespace kalam::cold {

// Where a table's files go. `storage_id` is the table's, or its user's when the table uses those.
struct TablePlace {
  std::string_view storage_id;
  std::string_view ns;
  std::string_view table;
  TableType type = TableType::kShared;
};

struct ResolvedFolder {
  ObjectStorePtr store;
  std::string folder;  // "app/notes/alice", no slash at its end
};

class StorageResolver {
 public:
  // `find` gives the current definition of a storage, nullptr when there is none; thread-safe.
  using FindStorage = std::function<StoragePtr(std::string_view storage_id)>;
  StorageResolver(StorageDefaults defaults, FindStorage find, const Clock& clock);

  Result<ObjectStorePtr> StoreOf(std::string_view storage_id);
  // The folder of new files of the table, for USER tables of this user. Files that exist already keep their
  // paths when a template changes, so note the whole path of a file that you write.
  Result<ResolvedFolder> Resolve(const TablePlace& place, std::string_view user_id);

  // A store of a definition that is not in force (yet), to try it out. Sweeps nothing.
  Result<ObjectStorePtr> OpenUnsaved(const Storage& storage) const;

  const StorageDefaults& defaults() const { return defaults_; }

 private:
  struct Open {
    StoragePtr definition;
    ObjectStorePtr store;
  };

  Result<ObjectStorePtr> OpenStore(const Storage& storage, bool sweep) const;

  const StorageDefaults defaults_;
  const FindStorage find_;
  const Clock& clock_;
  std::mutex mu_;
  std::map<std::string, Open, std::less<>> open_;     // guarded by mu_
  std::set<std::string, std::less<>> opened_before_;  // guarded by mu_; the first opening sweeps
};

}  // namespace kalam::cold
