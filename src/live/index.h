// Index: which subscriptions a changed row may concern, so that a change costs what it matches.
//
// table -> scope (one user's rows, or all of a shared table) -> filter -> projection -> subscriptions.
// Filters with `column = constant` or a short `column IN (..)` are found by the row's value; the others are
// looked at one by one. A
// filter is decided once per change, however many subscriptions have it, and a change is encoded once per
// projection and encoding. Threads: the hub's only.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "base/ids.h"
#include "live/query.h"
#include "live/subscription.h"

namespace kalam::live {

template <typename T>
using ByText = std::unordered_map<std::string, T, TextHash, std::equal_to<>>;

struct FilterGroup;
struct ScopeGroup;
struct TableWatch;

struct ProjectionGroup {
  FilterGroup* parent = nullptr;
  std::shared_ptr<const Projection> projection;
  std::array<std::vector<Subscription*>, 2> subscribers;  // by encoding
};

struct FilterGroup {
  ScopeGroup* parent = nullptr;
  std::shared_ptr<const Filter> filter;
  bool deferred = false;  // of its subscriptions; there may be another group with the same filter without
  std::string key;        // in ScopeGroup::filters
  std::vector<std::unique_ptr<ProjectionGroup>> projections;
  uint64_t asked = 0;  // the last question of Candidates() that found it
};

struct EqualityIndex {
  size_t ordinal = 0;
  ByText<std::vector<FilterGroup*>> by_value;
};

struct ScopeGroup {
  TableWatch* parent = nullptr;
  std::string prefix;
  ByText<std::unique_ptr<FilterGroup>> filters;
  std::vector<FilterGroup*> scanned;  // without equality
  std::vector<EqualityIndex> equalities;
};

struct TableWatch {
  catalog::TablePtr table;  // newest version that the hub knows
  ByText<std::unique_ptr<ScopeGroup>> scopes;
  size_t subscriptions = 0;
  bool settled = false;  // every commit that runs now knows that the table is watched
};

class Index {
 public:
  // `subscription.deferred` has been decided. `subscription.query` is of the watch's table version, or the
  // first one of its table.
  void Add(Subscription& subscription);
  // Does nothing when it is not in the index. True when the table has no subscription left; it is gone then.
  bool Remove(Subscription& subscription);

  TableWatch* Find(TableId table);
  const std::unordered_map<TableId, std::unique_ptr<TableWatch>>& tables() const { return tables_; }
  static TableWatch& WatchOf(const Subscription& subscription);

  // Filters of the scope that may match a row version; each once, `out` is cleared. Either row may be absent.
  void Candidates(const ScopeGroup& scope, const hot::RowView* before, const hot::RowView* after,
                  std::vector<FilterGroup*>& out);

 private:
  static FilterGroup& FilterOf(ScopeGroup& scope, const std::shared_ptr<const Filter>& filter, bool deferred);
  static void RemoveFilter(FilterGroup& group);

  std::unordered_map<TableId, std::unique_ptr<TableWatch>> tables_;
  uint64_t questions_ = 0;
};

}  // namespace kalam::live
