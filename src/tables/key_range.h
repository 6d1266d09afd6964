// KeyRange: the part of a table's key space that comparisons on the primary key leave over.
#pragma once

#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.h"
#include "base/ids.h"
#include "engine/statement.h"
#include "model/value.h"

namespace kalam::tables {

// Rows with `begin` <= key < `end`. `point` is set when at most one key can match; then the range is just
// that key.
class KeyRange {
 public:
  // All rows below `prefix`.
  explicit KeyRange(std::string prefix);

  // Narrows by `primary key op value`; `value` has the key's type and is not NULL. Operators without a range
  // meaning (<>, IS NULL) are ignored.
  Status Narrow(engine::CompareOp op, const Value& value);

  // Narrows by `primary key IN (values)`; as in Narrow.
  Status NarrowToList(std::span<const Value> values);

  // Leaves over the rows of a STREAM table, whose keys end with their _seq, from `first` on.
  void NarrowToSeq(Seq first);

  std::string_view begin() const { return begin_; }
  std::string_view end() const { return end_; }
  bool empty() const { return !end_.empty() && begin_ >= end_; }
  // The single key that can match, or nullopt.
  const std::optional<std::string>& point() const { return point_; }
  // The only keys that can match, ascending, when NarrowToList said so or there is a point.
  std::optional<std::vector<std::string>> keys() const;
  size_t prefix_size() const { return prefix_.size(); }

 private:
  std::string prefix_;
  std::string begin_;
  std::string end_;
  std::optional<std::string> point_;
  std::optional<std::vector<std::string>> list_;  // ascending; some may be out of the range
};

}  // namespace kalam::tables
