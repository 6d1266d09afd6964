#include "tables/key_range.h"

#include <algorithm>
#include <iterator>
#include <utility>

#include "hot/key_codec.h"

namespace kalam::tables {

using engine::CompareOp;

KeyRange::KeyRange(std::string prefix)
    : prefix_(std::move(prefix)), begin_(prefix_), end_(hot::PrefixEnd(prefix_)) {}

void KeyRange::NarrowToSeq(Seq first) {
  std::string begin = prefix_;
  hot::AppendSeq(first, begin);
  if (begin > begin_) begin_ = std::move(begin);
}

Status KeyRange::Narrow(CompareOp op, const Value& value) {
  std::string key = prefix_;
  KALAM_TRY(hot::AppendPrimaryKey(value, key));
  // The smallest key above `key`: no key of another value lies between, since equal values have equal keys.
  std::string above = key;
  above.push_back('\0');
  const auto raise = [&](std::string bound) {
    if (bound > begin_) begin_ = std::move(bound);
  };
  const auto lower = [&](std::string bound) {
    if (end_.empty() || bound < end_) end_ = std::move(bound);
  };
  switch (op) {
    case CompareOp::kEqual:
      raise(key);
      lower(std::move(above));
      if (!empty()) point_ = std::move(key);
      break;
    case CompareOp::kGreater:
      raise(std::move(above));
      break;
    case CompareOp::kGreaterEqual:
      raise(std::move(key));
      break;
    case CompareOp::kLess:
      lower(std::move(key));
      break;
    case CompareOp::kLessEqual:
      lower(std::move(above));
      break;
    case CompareOp::kNotEqual:
    case CompareOp::kIsNull:
    case CompareOp::kIsNotNull:
    case CompareOp::kIn:
      break;
  }
  if (empty()) point_.reset();
  return {};
}

Status KeyRange::NarrowToList(std::span<const Value> values) {
  std::vector<std::string> keys;
  keys.reserve(values.size());
  for (const Value& value : values) {
    keys.push_back(prefix_);
    KALAM_TRY(hot::AppendPrimaryKey(value, keys.back()));
  }
  std::ranges::sort(keys);
  if (list_) {
    std::vector<std::string> both;
    std::ranges::set_intersection(*list_, keys, std::back_inserter(both));
    keys = std::move(both);
  }
  list_ = std::move(keys);
  return {};
}

std::optional<std::vector<std::string>> KeyRange::keys() const {
  if (!list_) return point_ ? std::optional(std::vector{*point_}) : std::nullopt;
  std::vector<std::string> keys;
  for (const std::string& key : *list_) {
    if (key >= begin_ && (end_.empty() || key < end_)) keys.push_back(key);
  }
  return keys;
}

}  // namespace kalam::tables
