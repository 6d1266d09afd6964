// The name rules (reference: names of namespaces, tables and columns).
#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <string>
#include <string_view>

#include "base/limits.h"
#include "catalog/catalog.h"

namespace kalam::catalog {
namespace {

constexpr auto kReservedNamespaces = std::to_array<std::string_view>(
    {"admin", "datafusion", "default", "information_schema", "internal", "kalam", "kalamdb", "main",
     "pg_catalog", "root", "sql", "sys", "system"});

constexpr auto kReservedColumns =
    std::to_array<std::string_view>({"_created", "_deleted", "_hash", "_id", "_key", "_row_id", "_rowid",
                                     "_seq", "_timestamp", "_updated", "_version"});

constexpr auto kKeywords = std::to_array<std::string_view>({"ALTER",
                                                            "ANALYZE",
                                                            "ANTI",
                                                            "ASOF",
                                                            "CLUSTER",
                                                            "CONNECT",
                                                            "CREATE",
                                                            "CROSS",
                                                            "DATABASE",
                                                            "DELETE",
                                                            "DISTRIBUTE",
                                                            "DROP",
                                                            "END",
                                                            "EXCEPT",
                                                            "EXCLUDE",
                                                            "EXISTS",
                                                            "EXPLAIN",
                                                            "FETCH",
                                                            "FOR",
                                                            "FORMAT",
                                                            "FROM",
                                                            "FULL",
                                                            "GLOBAL",
                                                            "GROUP",
                                                            "HAVING",
                                                            "INDEX",
                                                            "INNER",
                                                            "INSERT",
                                                            "INTERSECT",
                                                            "INTERVAL",
                                                            "INTO",
                                                            "JOIN",
                                                            "LATERAL",
                                                            "LEFT",
                                                            "LIMIT",
                                                            "MATCH_CONDITION",
                                                            "MATCH_RECOGNIZE",
                                                            "MINUS",
                                                            "NATURAL",
                                                            "OFFSET",
                                                            "ON",
                                                            "OPEN",
                                                            "ORDER",
                                                            "OUTER",
                                                            "PARTITION",
                                                            "PIVOT",
                                                            "PREWHERE",
                                                            "QUALIFY",
                                                            "RETURNING",
                                                            "RIGHT",
                                                            "SAMPLE",
                                                            "SCHEMA",
                                                            "SELECT",
                                                            "SEMI",
                                                            "SET",
                                                            "SETTINGS",
                                                            "SORT",
                                                            "START",
                                                            "STRUCT",
                                                            "TABLE",
                                                            "TABLES",
                                                            "TABLESAMPLE",
                                                            "TABLESPACE",
                                                            "TOP",
                                                            "TRIM",
                                                            "UNION",
                                                            "UNPIVOT",
                                                            "UPDATE",
                                                            "USING",
                                                            "VIEW",
                                                            "WHERE",
                                                            "WINDOW",
                                                            "WITH"});

static_assert(std::is_sorted(kReservedNamespaces.begin(), kReservedNamespaces.end()));
static_assert(std::is_sorted(kReservedColumns.begin(), kReservedColumns.end()));
static_assert(std::is_sorted(kKeywords.begin(), kKeywords.end()));

bool IsDigit(char c) { return c >= '0' && c <= '9'; }
bool IsNameCharacter(char c) {
  return IsDigit(c) || c == '_' || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

std::string Mapped(std::string_view name, char first, int shift) {
  std::string out(name);
  for (char& c : out) {
    if (c >= first && c < first + 26) c = static_cast<char>(c + shift);
  }
  return out;
}
std::string Lower(std::string_view name) { return Mapped(name, 'A', 'a' - 'A'); }
std::string Upper(std::string_view name) { return Mapped(name, 'a', 'A' - 'a'); }

Status Refuse(std::string message) { return Fail(ErrorCode::kInvalidOperation, std::move(message)); }

}  // namespace

Status ValidateName(std::string_view name) {
  if (name.empty()) return Refuse("Name cannot be empty");
  if (name.size() > limits::kNameBytesMax) {
    return Refuse(
        fmt::format("Name is too long ({} characters, max {})", name.size(), limits::kNameBytesMax));
  }
  if (name.find(' ') != std::string_view::npos) return Refuse("Name cannot contain spaces");
  if (name.front() == '_') return Refuse("Name cannot start with underscore (reserved for system columns)");
  if (IsDigit(name.front())) return Refuse("Name cannot start with a number");
  if (!std::all_of(name.begin(), name.end(), IsNameCharacter)) {
    return Refuse(fmt::format(
        "Name '{}' contains invalid characters (only alphanumeric and underscore allowed)", name));
  }
  if (std::binary_search(kKeywords.begin(), kKeywords.end(), Upper(name))) {
    return Refuse(fmt::format("Name '{}' is a reserved SQL keyword and cannot be used", name));
  }
  return {};
}

Status ValidateNamespaceName(std::string_view name) {
  if (std::binary_search(kReservedNamespaces.begin(), kReservedNamespaces.end(), Lower(name))) {
    return Refuse(fmt::format("Namespace '{}' is reserved and cannot be used", name));
  }
  return ValidateName(name);
}

Status ValidateColumnName(std::string_view name) {
  if (std::binary_search(kReservedColumns.begin(), kReservedColumns.end(), Lower(name))) {
    return Refuse(fmt::format("Column name '{}' is reserved and cannot be used", name));
  }
  return ValidateName(name);
}

}  // namespace kalam::catalog
