// What executors work with: references that main() fills once.
#pragma once

#include "auth/users.h"
#include "base/clock.h"
#include "catalog/catalog.h"
#include "config/settings.h"
#include "hot/store.h"

namespace kalam::topics {
class Topics;
}

namespace kalam::jobs {

struct JobServices {
  const config::Settings& settings;
  const Clock& clock;
  hot::Store& store;
  catalog::Catalog& catalog;
  auth::Users& users;
  topics::Topics* topics = nullptr;  // nullptr: no jobs of topics
};

}  // namespace kalam::jobs
