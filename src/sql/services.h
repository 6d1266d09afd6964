// Services: what statements work with. A struct of references without methods, filled once in
// server/instance.cc.
#pragma once

#include <memory>
#include <utility>

#include "auth/audit_log.h"
#include "auth/users.h"
#include "base/clock.h"
#include "base/random.h"
#include "catalog/catalog.h"
#include "cold/cold_tier.h"
#include "cold/storage/storage_resolver.h"
#include "config/settings.h"
#include "engine/engine.h"
#include "hot/store.h"
#include "jobs/scheduler.h"
#include "live/hub.h"
#include "observe/metrics.h"
#include "system/server_facts.h"
#include "system/system_table.h"
#include "tables/column_cache.h"
#include "tables/read_view.h"
#include "tables/snowflake.h"
#include "tables/transaction_list.h"

namespace kalam::topics {
class Topics;
}

namespace kalam::sql {

struct Services {
  const config::Settings& settings;
  const Clock& clock;
  Random& random;
  hot::Store& store;
  catalog::Catalog& catalog;
  auth::Users& users;
  cold::StorageResolver& storages;
  engine::Engine& engine;
  tables::SnowflakeIds& snowflake;
  jobs::Scheduler& jobs;
  topics::Topics& topics;
  tables::TransactionList& transactions;
  auth::AuditLog& audit;
  observe::Metrics& metrics;
  cold::ColdTier& cold;
  const system::ServerFacts& server;
  tables::ColumnCache& column_cache;
  live::Hub* live = nullptr;  // nullptr: nothing can subscribe
};

// The newest durable rows, hot and cold.
inline tables::ReadView NewestView(const Services& services) {
  tables::ReadView view;
  view.store = &services.store;
  view.cold = &services.cold;
  view.column_cache = &services.column_cache;
  return view;
}

// What system tables make their rows from, for one caller.
inline system::SystemContext SystemContextOf(const Services& services,
                                             std::shared_ptr<const Principal> principal) {
  return {services.catalog,     services.users, services.settings,     services.live,  services.jobs,
          services.topics,      services.clock, services.transactions, services.audit, services.cold,
          std::move(principal), services.store, services.server};
}

}  // namespace kalam::sql
