#include "topics/routing.h"

#include "observe/log.h"

namespace kalam::topics {
namespace {

std::shared_ptr<const SourceFilter> FilterOf(const Route& route, TopicNumber topic,
                                             const catalog::Table& table, const engine::Engine& engine,
                                             const TableRoutes* previous) {
  if (route.filter.empty()) return nullptr;
  if (previous != nullptr && previous->form.table().get() == &table) {
    for (const BoundRoute& bound : previous->routes) {
      const Route& old = bound.route();
      if (bound.entry.topic->number == topic && old.operation == route.operation &&
          old.filter == route.filter && old.filter_user == route.filter_user) {
        return bound.filter;
      }
    }
  }
  auto filter = SourceFilter::Bind(engine, table, route.filter, route.filter_user);
  if (filter) return *filter;
  observe::LogWarn("the condition of source {} no longer fits its table, so every row is published: {}",
                   table.full_name(), filter.error().message);
  return SourceFilter::Broken(std::move(filter).error());
}

}  // namespace

std::shared_ptr<const Routing> Routing::Build(const std::vector<TopicEntry>& topics,
                                              const catalog::CatalogSnapshot& catalog,
                                              const engine::Engine& engine, const Routing* previous) {
  auto routing = std::make_shared<Routing>();
  for (const TopicEntry& entry : topics) {
    for (size_t i = 0; i < entry.topic->routes.size(); ++i) {
      const Route& route = entry.topic->routes[i];
      const catalog::TablePtr table = catalog.FindTable(route.ns, route.table);
      if (table == nullptr) continue;
      TableRoutes& routes = routing->tables_.try_emplace(table->id, table).first->second;
      const TableRoutes* before = previous == nullptr ? nullptr : previous->Find(table->id);
      routes.routes.push_back({entry, i, FilterOf(route, entry.topic->number, *table, engine, before)});
      // Only a diff looks at the row that was replaced.
      const bool diff = route.payload == PayloadMode::kDiff && route.operation == Operation::kUpdate;
      if (diff) routes.need = hot::Need::kBoth;
    }
  }
  return routing;
}

}  // namespace kalam::topics
