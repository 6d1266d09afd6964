// SourceFilter: the WHERE of a topic's source, bound to one version of its table.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.h"
#include "catalog/catalog.h"
#include "engine/engine.h"
#include "engine/predicate.h"
#include "hot/row_codec.h"
#include "topics/topic.h"

namespace kalam::topics {

enum class Verdict : uint8_t {
  kNo,
  kYes,
  kFailed,  // the condition could not be evaluated for the row
};

// Immutable, thread-safe; the engine outlives it. Columns are those of SELECT *, `_seq` and `_deleted` among
// them.
class SourceFilter {
 public:
  // kSyntax, kInvalidOperation, kUnsupported: what is wrong with the condition.
  static Result<std::shared_ptr<const SourceFilter>> Bind(const engine::Engine& engine,
                                                          const catalog::Table& table,
                                                          std::string_view condition, std::string_view user);
  // A condition that cannot be bound any more (a column was dropped): it fails for every row.
  static std::shared_ptr<const SourceFilter> Broken(Error error);

  // One verdict per row. `error` is set to the reason of the first failure, when there is one.
  void Judge(std::span<const hot::RowView* const> rows, int64_t now_micros, std::vector<Verdict>& verdicts,
             std::optional<Error>& error) const;

 private:
  SourceFilter() = default;
  Status Evaluate(std::span<const hot::RowView* const> rows, int64_t now_micros,
                  std::vector<uint8_t>& matches) const;

  std::shared_ptr<const engine::BoundPredicate> predicate_;  // nullptr: broken
  Error broken_;
  size_t columns_ = 0;  // of the table, without the system columns
};

}  // namespace kalam::topics
