// Services: what statements work with. A struct of references without methods, filled once in
// server/instance.cc.
#pragma once

#include "auth/users.h"
#include "base/clock.h"
#include "base/random.h"
#include "catalog/catalog.h"
#include "cold/storage/storage_resolver.h"
#include "config/settings.h"
#include "engine/engine.h"
#include "hot/store.h"
#include "jobs/scheduler.h"
#include "live/hub.h"
#include "tables/snowflake.h"

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
  live::Hub* live = nullptr;  // nullptr: nothing can subscribe
};

}  // namespace kalam::sql
