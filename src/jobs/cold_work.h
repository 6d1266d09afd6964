// What flush and compaction of a table have in common.
#pragma once

#include <string>
#include <string_view>

#include "cold/cold_tier.h"
#include "jobs/executor.h"
#include "jobs/services.h"
#include "tables/read_view.h"

namespace kalam::jobs {

// `metric` counts the moved rows. The work refers to `services` and `round`.
inline cold::TableWork ColdWork(const JobServices& services, const catalog::Table& table, Round& round,
                                std::string_view metric) {
  cold::TableWork work;
  work.shape = [&services, id = table.id, ns = table.ns, name = table.name]() -> Result<cold::TableShape> {
    const catalog::TablePtr now = services.catalog.Snapshot()->FindTable(ns, name);
    if (now != nullptr && now->id == id) return tables::ShapeOf(*now);
    return Fail(ErrorCode::kNotFoundTable, "Table " + ns + "." + name + " was dropped");
  };
  work.storage_of = [&services, options = table.options](std::string_view user_id) {
    const auto user = options.use_user_storage ? services.users.Find(user_id) : nullptr;
    return user && user->storage_id ? *user->storage_id : options.storage_id;
  };
  work.should_stop = [&round] { return round.should_stop(); };
  work.moved = [&round, metric = std::string(metric)](uint64_t rows) {
    round.metrics().Add(metric, static_cast<int64_t>(rows));
    round.SetProgress({round.metrics().Number(metric), std::nullopt, "rows"});
  };
  return work;
}

}  // namespace kalam::jobs
