// Load: the stored definitions, read once at start.
#pragma once

#include <cstdint>
#include <vector>

#include "base/clock.h"
#include "base/error.h"
#include "catalog/catalog.h"
#include "hot/store.h"

namespace kalam::catalog {

struct Definitions {
  std::vector<NamespacePtr> namespaces;
  std::vector<TablePtr> tables;
  std::vector<ViewPtr> views;
  std::vector<StoragePtr> storages;
  uint32_t next_table_id = 1;
};

// Writes the first records (namespaces `default`, `system`, `dba`) when the store has no catalog yet, and the
// storage `local` when there is none.
Status CreateOnEmptyStore(hot::Store& store, const Clock& clock);

// kCorruption names the key of the record that does not decode or does not fit the others.
Result<Definitions> LoadDefinitions(const hot::Store& store);

}  // namespace kalam::catalog
