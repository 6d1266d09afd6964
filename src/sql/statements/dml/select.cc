// SELECT: directly from the hot tier or from a system table where the plan allows it, else through the
// engine.
#include <array>
#include <optional>
#include <vector>

#include "sql/bind.h"
#include "sql/direct.h"
#include "sql/engine_run.h"
#include "sql/request.h"
#include "sql/statements/statements.h"

namespace kalam::sql {
namespace {

// Passes on the rows and columns that were asked for.
class SystemRows final : public RowSink {
 public:
  SystemRows(const SystemSelect& select, std::optional<int64_t> cap, wire::SqlResponse& response)
      : select_(select), cap_(cap), response_(response) {}

  void Begin(std::span<const ResultColumn>) override {}
  Status Row(std::span<const Value> values) override {
    for (const SystemSelect::Filter& filter : select_.where) {
      const Value& value = values[filter.ordinal];
      if (value.is_null || (value.text() == filter.text) != filter.equal) return {};
    }
    if (select_.count_star) {
      ++rows_;
      return {};
    }
    if (select_.limit && rows_ >= *select_.limit) return {};
    if (cap_ && rows_ >= *cap_) {
      response_.SetTruncated();
      return {};
    }
    ++rows_;
    row_.clear();
    for (const size_t ordinal : select_.projection) row_.push_back(values[ordinal]);
    return response_.Row(row_);
  }
  int64_t rows() const { return rows_; }

 private:
  const SystemSelect& select_;
  const std::optional<int64_t> cap_;
  wire::SqlResponse& response_;
  std::vector<Value> row_;
  int64_t rows_ = 0;
};

Result<Outcome> RunSystemSelect(Request& request, Services& services) {
  const SystemSelect& select = *request.plan->system_select;
  const system::SystemTable& table = *request.plan->tables[0].system;
  request.response.Begin(select.columns);
  SystemRows rows(select, RowCap(*request.plan, services.settings), request.response);
  KALAM_TRY(table.rows(SystemContextOf(services, request.principal), rows));
  if (!select.count_star) return Outcome{OutcomeKind::kRows, rows.rows(), {}};
  if (select.limit && *select.limit == 0) return Outcome{OutcomeKind::kRows, 0, {}};
  const std::array<Value, 1> counted = {Value::BigInt(rows.rows())};
  KALAM_TRY(request.response.Row(counted));
  return Outcome{OutcomeKind::kRows, 1, {}};
}

}  // namespace

Result<Outcome> RunSelect(const Statement&, Request& request, Services& services) {
  KALAM_TRY(EnsurePlan(request, services));
  if (request.plan->has_direct() && !request.payload.force_engine) {
    const BindContext context{
        request.literals, request.payload.parameters, *request.principal, request.now_micros, request.arena,
        services,         request.view(services)};
    BoundSelect bound(*request.plan, context, RowCap(*request.plan, services.settings));
    bool here = bound.cost() != DirectCost::kEngine;
    if (here) {
      KALAM_ASSIGN(here, bound.Open(true));
    }
    if (here) {
      bool capped = false;
      KALAM_ASSIGN(const int64_t rows, bound.Run(request.response, request.payload.deadline_nanos, capped));
      if (capped) request.response.SetTruncated();
      return Outcome{OutcomeKind::kRows, rows, {}};
    }
  }
  if (request.plan->system_select && !request.payload.force_engine) return RunSystemSelect(request, services);
  KALAM_TRY(UseExactPlan(request));
  return RunEngineQuery(request, services);
}

}  // namespace kalam::sql
