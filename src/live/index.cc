#include "live/index.h"

#include <algorithm>
#include <utility>

#include "tables/table_scope.h"

namespace kalam::live {
namespace {

constexpr float kLoadFactorMax = 0.25F;

}  // namespace

TableWatch* Index::Find(TableId table) {
  const auto it = tables_.find(table);
  return it == tables_.end() ? nullptr : it->second.get();
}

TableWatch& Index::WatchOf(const Subscription& subscription) {
  return *static_cast<ProjectionGroup*>(subscription.group)->parent->parent->parent;
}

FilterGroup& Index::FilterOf(ScopeGroup& scope, const std::shared_ptr<const Filter>& filter, bool deferred) {
  std::string key = (deferred ? "d" : "n") + filter->key();
  std::unique_ptr<FilterGroup>& slot = scope.filters[key];
  if (slot != nullptr) return *slot;
  slot = std::make_unique<FilterGroup>();
  slot->parent = &scope;
  slot->filter = filter;
  slot->deferred = deferred;
  slot->key = std::move(key);
  if (const auto& equality = filter->equality()) {
    auto index = std::ranges::find(scope.equalities, equality->ordinal, &EqualityIndex::ordinal);
    if (index == scope.equalities.end()) {
      scope.equalities.push_back({equality->ordinal, {}});
      index = scope.equalities.end() - 1;
      // Most changes are asked for by nobody, which an empty bucket tells with one look at memory.
      index->by_value.max_load_factor(kLoadFactorMax);
    }
    for (const std::string& value : equality->keys) index->by_value[value].push_back(slot.get());
  } else {
    scope.scanned.push_back(slot.get());
  }
  return *slot;
}

void Index::Add(Subscription& subscription) {
  const Query& query = *subscription.query;
  std::unique_ptr<TableWatch>& watch = tables_[query.table->id];
  if (watch == nullptr) {
    watch = std::make_unique<TableWatch>();
    watch->table = query.table;
  }
  std::string prefix = tables::ScopePrefix(*query.table, subscription.connection->principal->user_id);
  auto [scope, made] = watch->scopes.try_emplace(std::move(prefix));
  if (made) {
    scope->second = std::make_unique<ScopeGroup>();
    scope->second->parent = watch.get();
    scope->second->prefix = scope->first;
  }
  FilterGroup& filter = FilterOf(*scope->second, query.filter, subscription.deferred);
  const auto same = [&](const auto& group) { return group->projection->key() == query.projection->key(); };
  auto group = std::ranges::find_if(filter.projections, same);
  if (group == filter.projections.end()) {
    filter.projections.push_back(std::make_unique<ProjectionGroup>());
    group = filter.projections.end() - 1;
    (*group)->parent = &filter;
    (*group)->projection = query.projection;
  }
  auto& subscribers = (*group)->subscribers[static_cast<size_t>(subscription.connection->outlet->encoding())];
  subscription.group = group->get();
  subscription.slot = subscribers.size();
  subscribers.push_back(&subscription);
  ++watch->subscriptions;
}

void Index::RemoveFilter(FilterGroup& group) {
  ScopeGroup& scope = *group.parent;
  if (const auto& equality = group.filter->equality()) {
    const auto index = std::ranges::find(scope.equalities, equality->ordinal, &EqualityIndex::ordinal);
    for (const std::string& key : equality->keys) {
      const auto entry = index->by_value.find(key);
      std::erase(entry->second, &group);
      if (entry->second.empty()) index->by_value.erase(entry);
    }
    if (index->by_value.empty()) scope.equalities.erase(index);
  } else {
    std::erase(scope.scanned, &group);
  }
  scope.filters.erase(scope.filters.find(std::string_view(group.key)));
}

bool Index::Remove(Subscription& subscription) {
  auto* const group = static_cast<ProjectionGroup*>(std::exchange(subscription.group, nullptr));
  if (group == nullptr) return false;
  auto& subscribers = group->subscribers[static_cast<size_t>(subscription.connection->outlet->encoding())];
  subscribers.back()->slot = subscription.slot;
  subscribers[subscription.slot] = subscribers.back();
  subscribers.pop_back();
  FilterGroup& filter = *group->parent;
  ScopeGroup& scope = *filter.parent;
  TableWatch& watch = *scope.parent;
  if (group->subscribers[0].empty() && group->subscribers[1].empty()) {
    std::erase_if(filter.projections, [&](const auto& other) { return other.get() == group; });
    if (filter.projections.empty()) RemoveFilter(filter);
    if (scope.filters.empty()) watch.scopes.erase(watch.scopes.find(std::string(scope.prefix)));
  }
  if (--watch.subscriptions > 0) return false;
  tables_.erase(watch.table->id);
  return true;
}

void Index::Candidates(const ScopeGroup& scope, const hot::RowView* before, const hot::RowView* after,
                       std::vector<FilterGroup*>& out) {
  out.assign(scope.scanned.begin(), scope.scanned.end());
  std::string value;
  ++questions_;
  for (const EqualityIndex& index : scope.equalities) {
    for (const hot::RowView* row : {before, after}) {
      if (row == nullptr) continue;
      const Value cell = row->Get(index.ordinal);
      if (cell.is_null) continue;
      value.clear();
      AppendHashKey(cell, value);
      const auto found = index.by_value.find(std::string_view(value));
      if (found == index.by_value.end()) continue;
      // Both rows may lead to the same filter.
      for (FilterGroup* const group : found->second) {
        if (std::exchange(group->asked, questions_) != questions_) out.push_back(group);
      }
    }
  }
}

}  // namespace kalam::live
