// Planner: from statement text to a cached plan.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "auth/allow.h"
#include "base/error.h"
#include "sql/parse/lexer.h"
#include "sql/plan.h"
#include "sql/services.h"

namespace kalam::sql {

// Thread-safe.
class Planner {
 public:
  Planner(Services& services, size_t cache_entries_max) : services_(services), cache_(cache_entries_max) {}

  // A plan for the statement: a direct one found by its normal form, or one made for this text. `literals`
  // receives the statement's literals, which a direct plan needs; they point into `text`.
  Result<PlanPtr> Plan(const StatementText& text, std::string_view name_space,
                       std::vector<Literal>& literals);

  // A plan whose `parsed` is exactly this text, for the engine.
  Result<PlanPtr> ExactPlan(std::string_view text, std::string_view name_space);

  size_t cached() const { return cache_.size(); }

 private:
  Services& services_;
  PlanCache cache_;
};

// Table access of a plan for one principal: reads of every table, the write of the target. kPermissionDenied.
// `impersonated`: inside EXECUTE AS USER, where SHARED tables cannot be written at all (kInvalidOperation).
Status AuthorizeTables(const Plan& plan, const Principal& principal, bool impersonated);
// The same, and whether the statement can run at all (Plan::refusal).
Status AuthorizePlan(const Plan& plan, const Principal& principal, bool impersonated);

}  // namespace kalam::sql
