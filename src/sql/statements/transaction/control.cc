// BEGIN, COMMIT, ROLLBACK: a transaction lives inside one payload.
#include <fmt/format.h>

#include <memory>

#include "base/random.h"
#include "sql/handlers.h"
#include "sql/request.h"
#include "sql/statements/statements.h"

namespace kalam::sql {
namespace {

constexpr int64_t kNanosPerSecond = 1'000'000'000;

Status RequireOpen(const Request& request, std::string_view verb) {
  if (request.transaction) return {};
  return Fail(ErrorCode::kInvalidOperation,
              fmt::format("Invalid operation: {} requires an active explicit SQL transaction", verb));
}

tables::TransactionOptions OptionsOf(const config::Settings::Transactions& settings) {
  tables::TransactionOptions options;
  options.bytes_max = settings.max_buffer_bytes;
  options.timeout_nanos = settings.timeout_secs * kNanosPerSecond;
  options.conflicts = settings.conflicts == "first_commit_wins" ? tables::Conflicts::kFirstCommitWins
                                                                : tables::Conflicts::kLastCommitWins;
  return options;
}

Result<Outcome> Begin(Request& request, Services& services) {
  const std::string owner = "sql-req-" + request.payload.request_id;
  if (request.transaction) {
    return Fail(ErrorCode::kConflict,
                fmt::format("Conflict: request owner '{}' already has an active transaction '{}'", owner,
                            request.transaction->id()));
  }
  request.transaction = std::make_unique<tables::Transaction>(
      UuidV7(services.random, services.clock.WallMillis()), owner, services.store, &services.cold,
      services.transactions, services.clock, OptionsOf(services.settings.transactions));
  return MessageOutcome(fmt::format("Transaction started ({})", request.transaction->id()), 0);
}

Result<Outcome> Commit(Request& request) {
  KALAM_TRY(RequireOpen(request, "COMMIT"));
  const std::unique_ptr<tables::Transaction> transaction = std::move(request.transaction);
  KALAM_TRY(transaction->Commit());
  return MessageOutcome(fmt::format("Transaction committed ({})", transaction->id()), 0);
}

Result<Outcome> Rollback(Request& request) {
  KALAM_TRY(RequireOpen(request, "ROLLBACK"));
  const std::unique_ptr<tables::Transaction> transaction = std::move(request.transaction);
  return MessageOutcome(fmt::format("Transaction rolled back ({})", transaction->id()), 0);
}

}  // namespace

Result<Outcome> RunTransactionControl(const Statement& statement, Request& request, Services& services) {
  if (!services.settings.transactions.enabled) {
    return Fail(Error(ErrorCode::kUnsupported, "Transaction support planned for Phase 11")
                    .With("feature", std::string("transactions"))
                    .With("planned_phase", std::string("Phase 11")));
  }
  if (statement.execute_as) {
    return Fail(ErrorCode::kInvalidOperation,
                fmt::format("Invalid operation: {} cannot be wrapped by EXECUTE AS USER; put EXECUTE AS USER "
                            "inside the transaction",
                            HandlerOf(statement.kind).name));
  }
  switch (statement.kind) {
    case StatementKind::kBegin:
      return Begin(request, services);
    case StatementKind::kCommit:
      return Commit(request);
    default:
      return Rollback(request);
  }
}

}  // namespace kalam::sql
