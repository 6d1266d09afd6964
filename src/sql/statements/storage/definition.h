// From the clauses of CREATE and ALTER STORAGE to a definition, and the trial that both make before it
// counts.
#pragma once

#include "base/error.h"
#include "cold/storage/storage_options.h"
#include "model/storage.h"
#include "sql/parse/statement.h"
#include "sql/request.h"
#include "sql/services.h"

namespace kalam::sql {

// Puts the clauses that are given into `storage`, secrets among its credentials. kInvalidOperation for those
// that do not fit its type.
Status ApplyClauses(const StorageText& text, const cold::StorageDefaults& defaults, Storage& storage);
// Checks the definition and that an object can be put, read, listed and deleted there.
Status TryStorage(const Storage& storage, Request& request, Services& services);

std::unexpected<Error> StorageNotFound(const std::string& storage_id, std::string operation);

}  // namespace kalam::sql
