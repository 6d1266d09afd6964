// Request: one statement's view of the payload it belongs to. A small value, not a path to the server.
#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/arena.h"
#include "model/principal.h"
#include "sql/executor.h"
#include "sql/parse/statement.h"
#include "sql/planner.h"
#include "tables/read_view.h"
#include "tables/transaction.h"
#include "wire/sql_response.h"

namespace kalam::sql {

struct Request {
  const Payload& payload;
  const Statement& statement;
  std::shared_ptr<const Principal>
      principal;            // effective: the EXECUTE AS target with role user, else the caller
  std::string& name_space;  // default for unqualified names; USE changes it for later statements
  wire::SqlResponse& response;
  Arena& arena;            // lives as long as the statement
  int64_t now_micros = 0;  // NOW()
  Planner& planner;
  const StatementText& text;      // of this statement
  PlanPtr plan;                   // SELECT, INSERT, UPDATE, DELETE, EXPLAIN; nullptr = not planned yet
  std::vector<Literal> literals;  // of `text`, for direct plans
  std::unique_ptr<tables::Transaction>& transaction;  // of the payload; empty = none is open

  // What this statement reads rows from.
  tables::ReadView view(const Services& services) const {
    return transaction ? transaction->view() : NewestView(services);
  }
};

// Makes sure that `plan` fits the current catalog and namespace and that the principal may run it; checks the
// parameter count.
Status EnsurePlan(Request& request, Services& services);
// Replaces `plan` by one for the engine with exactly this text.
Status UseExactPlan(Request& request);

}  // namespace kalam::sql
