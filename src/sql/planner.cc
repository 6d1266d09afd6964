#include "sql/planner.h"

#include <fmt/format.h>

#include <utility>

#include "sql/views.h"

namespace kalam::sql {
namespace {

// Statements with more literals are bulk loads whose texts rarely repeat; they are planned each time.
constexpr size_t kCachedLiteralsMax = 4'096;

}  // namespace

Result<PlanPtr> Planner::Plan(const StatementText& text, std::string_view name_space,
                              std::vector<Literal>& literals) {
  thread_local std::string key;
  key.assign(name_space);
  key.push_back('\x1f');
  literals.clear();
  AppendNormalForm(text.tokens, key, literals);
  const uint64_t version = services_.catalog.version();
  if (PlanPtr plan = cache_.Find(key, version)) return plan;
  const std::string exact_key = std::string("=").append(name_space).append("\x1f").append(text.text);
  if (PlanPtr plan = cache_.Find(exact_key, version)) return plan;
  const catalog::SnapshotPtr snapshot = services_.catalog.Snapshot();
  KALAM_ASSIGN(auto parsed, ParseWithViews(services_.engine, text.text, *snapshot, name_space));
  KALAM_ASSIGN(PlanPtr plan, MakePlan(std::move(parsed), *snapshot, version, name_space, literals));
  if (literals.size() <= kCachedLiteralsMax) cache_.Insert(plan->has_direct() ? key : exact_key, plan);
  return plan;
}

Result<PlanPtr> Planner::ExactPlan(std::string_view text, std::string_view name_space) {
  const std::string key = std::string("=").append(name_space).append("\x1f").append(text);
  const uint64_t version = services_.catalog.version();
  if (PlanPtr plan = cache_.Find(key, version)) return plan;
  const catalog::SnapshotPtr snapshot = services_.catalog.Snapshot();
  KALAM_ASSIGN(auto parsed, ParseWithViews(services_.engine, text, *snapshot, name_space));
  KALAM_ASSIGN(PlanPtr plan, MakePlan(std::move(parsed), *snapshot, version, name_space, {}));
  cache_.Insert(key, plan);
  return plan;
}

Status AuthorizeTables(const Plan& plan, const Principal& principal, bool impersonated) {
  if (impersonated && plan.target && plan.target->type == TableType::kShared) {
    return Fail(
        ErrorCode::kInvalidOperation,
        fmt::format(
            "EXECUTE AS USER is not allowed on SHARED tables (table '{}'). AS USER impersonation is only "
            "supported for USER and STREAM tables.",
            plan.target->full_name()));
  }
  for (const auto& [table, system_table] : plan.tables) {
    if (system_table != nullptr) {
      KALAM_TRY(system::AllowSystemRead(*system_table, principal));
      continue;
    }
    // The target of UPDATE and DELETE is among the tables; writing it is checked below and needs no read
    // right of its own.
    if (table == plan.target) continue;
    KALAM_TRY(
        auth::Allow(principal, auth::Access::kRead, table->type, table->access_level, table->full_name()));
  }
  if (plan.target) {
    KALAM_TRY(auth::Allow(principal, auth::Access::kWrite, plan.target->type, plan.target->access_level,
                          plan.target->full_name()));
  }
  return {};
}

Status AuthorizePlan(const Plan& plan, const Principal& principal, bool impersonated) {
  KALAM_TRY(AuthorizeTables(plan, principal, impersonated));
  if (plan.refusal) return Fail(*plan.refusal);
  return {};
}

}  // namespace kalam::sql
