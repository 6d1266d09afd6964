#include "tables/key_range.h"

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
      break;
  }
  if (empty()) point_.reset();
  return {};
}

}  // namespace kalam::tables
