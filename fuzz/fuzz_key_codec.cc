// Keys: whatever decodes encodes to the same bytes, and the order of keys is the order of values.
#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>

#include "hot/key_codec.h"

namespace {

using kalam::DataType;
using kalam::TypeKind;
using kalam::Value;

void Require(bool holds) {
  if (!holds) std::abort();
}

const DataType kTypes[] = {
    Type(TypeKind::kBoolean), Type(TypeKind::kSmallInt),
    Type(TypeKind::kInt),     Type(TypeKind::kBigInt),
    Type(TypeKind::kDate),    Type(TypeKind::kFloat),
    Type(TypeKind::kUuid),    DataType{TypeKind::kDecimal, 38, 5, 0},
    Type(TypeKind::kText),    Type(TypeKind::kDouble),
    Type(TypeKind::kJson),
};

int Compare(const Value& a, const Value& b) {
  const auto sign = [](const auto& x, const auto& y) { return x < y ? -1 : y < x ? 1 : 0; };
  if (IsVariable(a.kind)) return sign(a.text(), b.text());
  switch (a.kind) {
    case TypeKind::kFloat:
    case TypeKind::kDouble:
      return sign(a.real, b.real);
    case TypeKind::kDecimal:
      return sign(a.wide, b.wide);
    case TypeKind::kUuid:
      return sign(static_cast<unsigned __int128>(a.wide), static_cast<unsigned __int128>(b.wide));
    default:
      return sign(a.integer, b.integer);
  }
}

int Sign(int n) { return (n > 0) - (n < 0); }

void CheckPrimaryKeys(const DataType& type, std::string_view a, std::string_view b) {
  const auto value_a = kalam::hot::DecodePrimaryKey(type, a);
  const auto value_b = kalam::hot::DecodePrimaryKey(type, b);
  for (const auto& [value, bytes] : {std::pair(&value_a, a), {&value_b, b}}) {
    std::string again;
    if (value->has_value() && kalam::hot::AppendPrimaryKey(**value, again)) Require(again == bytes);
  }
  if (value_a && value_b) Require(Sign(a.compare(b)) == Compare(*value_a, *value_b));
}

void CheckScopes(std::string_view a, std::string_view b) {
  const kalam::TableId table(7);
  const std::string prefix_a = kalam::hot::UserPrefix(table, a);
  const std::string prefix_b = kalam::hot::UserPrefix(table, b);
  const std::string key = prefix_a + std::string(b);
  Require(kalam::hot::PrefixSize(key, true) == prefix_a.size());
  Require(kalam::hot::DecodeScope(key).value() == a);
  Require(Sign(prefix_a.compare(prefix_b)) == Sign(a.compare(b)));
  Require(prefix_b.starts_with(prefix_a) == (a == b));
  const std::string end = kalam::hot::PrefixEnd(prefix_a);
  Require(key < end && (prefix_b >= end || prefix_b <= prefix_a));
  const auto scope = kalam::hot::DecodeScope(a);  // any bytes
  Require(scope.has_value() == (kalam::hot::PrefixSize(a, true) != 0));
}

}  // namespace

// First byte: the type; second: where the rest is cut in two.
extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  if (size < 2) return 0;
  const std::string_view rest(reinterpret_cast<const char*>(data) + 2, size - 2);
  const size_t cut = rest.empty() ? 0 : data[1] % (rest.size() + 1);
  CheckPrimaryKeys(kTypes[data[0] % std::size(kTypes)], rest.substr(0, cut), rest.substr(cut));
  CheckScopes(rest.substr(0, cut), rest.substr(cut));
  return 0;
}
