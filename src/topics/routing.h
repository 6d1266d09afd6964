// Routing: which changes go to which topics, as of one version of topics and catalog.
#pragma once

#include <memory>
#include <unordered_map>
#include <vector>

#include "base/ids.h"
#include "catalog/catalog.h"
#include "engine/engine.h"
#include "hot/change.h"
#include "topics/payload.h"
#include "topics/source_filter.h"
#include "topics/topic.h"
#include "topics/topic_log.h"

namespace kalam::topics {

// A topic with what is shared by all versions of its definition.
struct TopicEntry {
  TopicPtr topic;
  std::shared_ptr<TopicLog> log;
};

struct BoundRoute {
  TopicEntry entry;
  size_t index = 0;                            // in topic->routes
  std::shared_ptr<const SourceFilter> filter;  // nullptr = every row
  const Route& route() const { return entry.topic->routes[index]; }
};

struct TableRoutes {
  explicit TableRoutes(catalog::TablePtr table) : form(std::move(table)) {}
  PayloadForm form;
  std::vector<BoundRoute> routes;
  hot::Need need = hot::Need::kAfter;
};

// Immutable once built.
class Routing {
 public:
  // Tables that do not exist have no routes; those that come back under their name have them again. Filters
  // of `previous` are taken over where table and condition are the same, others are bound.
  static std::shared_ptr<const Routing> Build(const std::vector<TopicEntry>& topics,
                                              const catalog::CatalogSnapshot& catalog,
                                              const engine::Engine& engine, const Routing* previous);

  const TableRoutes* Find(TableId table) const {
    if (tables_.empty()) return nullptr;
    const auto it = tables_.find(table);
    return it == tables_.end() ? nullptr : &it->second;
  }

 private:
  std::unordered_map<TableId, TableRoutes> tables_;
};

}  // namespace kalam::topics
