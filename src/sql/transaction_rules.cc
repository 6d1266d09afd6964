#include "sql/transaction_rules.h"

#include <fmt/format.h>

#include "sql/handlers.h"

namespace kalam::sql {

Status ContinueTransaction(const Statement& statement, tables::Transaction& transaction) {
  if (statement.kind == StatementKind::kRollback) return {};
  KALAM_TRY(transaction.Use(statement.kind == StatementKind::kCommit ? "commit" : "continue"));
  const HandlerRow& row = HandlerOf(statement.kind);
  switch (row.effect) {
    case Effect::kRead:
    case Effect::kSession:
      return {};
    case Effect::kWrite:
      if (statement.kind <= StatementKind::kExplain) return {};  // rows, which the transaction holds back
      break;
    case Effect::kSchema:
      return Fail(
          ErrorCode::kInvalidOperation,
          fmt::format(
              "Invalid operation: DDL is not allowed inside explicit transaction '{}'. Run {} outside "
              "of it",
              transaction.id(), row.name));
    default:
      break;
  }
  return Fail(ErrorCode::kInvalidOperation,
              fmt::format("Invalid operation: {} is not allowed inside explicit transaction '{}'. Run it "
                          "outside of it",
                          row.name, transaction.id()));
}

}  // namespace kalam::sql
