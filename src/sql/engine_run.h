// SELECT, INSERT, UPDATE and DELETE through the engine. Blocking: worker pool only.
#pragma once

#include <string>
#include <vector>

#include "base/error.h"
#include "model/result.h"
#include "sql/request.h"
#include "sql/services.h"

namespace kalam::sql {

// SELECT and EXPLAIN: rows into the request's response.
Result<Outcome> RunEngineQuery(Request& request, Services& services);
// INSERT, UPDATE, DELETE: the engine computes the rows, one batch commits them. An UPDATE or DELETE whose
// rows another writer changed meanwhile runs again on a newer snapshot until the deadline (last write wins,
// no conflict errors for plain DML).
Result<Outcome> RunEngineWrite(Request& request, Services& services);

// A SELECT that was bound, without a look at any row.
struct SelectBinding {
  std::vector<ResultColumn> columns;            // of its answer
  std::vector<std::vector<std::string>> reads;  // columns, for each table of the plan
};
// `only`: for each table of the plan, the columns that there are; nullptr = all.
Result<SelectBinding> BindWithoutRows(PlanPtr select, const std::vector<std::vector<std::string>>* only,
                                      Request& request, Services& services);

// The row cap of a SELECT from `[limits]`, or nullopt.
std::optional<int64_t> RowCap(const Plan& plan, const config::Settings& settings);

}  // namespace kalam::sql
