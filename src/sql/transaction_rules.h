// What may run inside an explicit transaction.
#pragma once

#include "base/error.h"
#include "sql/parse/statement.h"
#include "tables/transaction.h"

namespace kalam::sql {

// Before each statement of a payload while a transaction is open: refuses what a transaction could not take
// back (DDL, users, jobs, ...: kInvalidOperation) and a transaction that timed out. ROLLBACK always passes.
Status ContinueTransaction(const Statement& statement, tables::Transaction& transaction);

}  // namespace kalam::sql
