// What FLUSH and COMPACT share: who may, which tables, how their jobs are made.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "catalog/catalog.h"
#include "jobs/job.h"
#include "sql/request.h"
#include "sql/services.h"

namespace kalam::sql {

// USER or SHARED table of that name. kNotFoundTable; kInvalidOperation for STREAM tables, in the words of
// `lead`
// ("STORAGE FLUSH TABLE").
Result<catalog::TablePtr> FindTieredTable(const TableRef& name, std::string_view lead,
                                          const Services& services);
// All of a namespace. kNotFoundNamespace.
Result<std::vector<catalog::TablePtr>> TieredTablesIn(std::string_view ns, std::string_view operation,
                                                      const Services& services);
// Whether the table has live rows in the hot tier.
Result<bool> HasPendingRows(const catalog::Table& table, const Services& services);
// A job of one table with the parameters that every such job has. kAlreadyExists while one is active.
Result<jobs::JobPtr> CreateTableJob(jobs::JobType type, const catalog::Table& table, const Request& request,
                                    Services& services);

}  // namespace kalam::sql
