// The parsed statement with DuckDB's tree inside, as the files of this module see it. Not for other modules.
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "duckdb/parser/statement/explain_statement.hpp"
#include "duckdb/parser/statement/select_statement.hpp"
#include "engine/statement.h"

namespace kalam::engine {

// Values that the engine adds to the parameters of a statement. They are named, so they never meet a user's
// $1.
inline constexpr std::string_view kNowParameter = "now";
inline constexpr std::string_view kUserParameter = "user";
inline constexpr std::string_view kRoleParameter = "role";
// The table function that stands for tables()[slot] in the tree: scan(slot). The name shows in EXPLAIN.
inline constexpr const char* kScanFunction = "scan";
// What scan(slot) stands for when the source has files: both together, or the second alone. The allow-list
// knows none of these names, so no statement can call them.
inline constexpr const char* kHotScanFunction = "hot_scan";
inline constexpr const char* kColdScanFunction = "cold_scan";

// The schema of the functions that differ from DuckDB's (IsAdjustedFunction): the tree calls them by it.
inline constexpr const char* kAdjustedSchema = "kalam";

struct HiddenParameters {
  bool now = false;
  bool user = false;
  bool role = false;
  bool any() const { return now || user || role; }
};

// What the allow-list walk finds out about a statement.
struct WalkFindings {
  std::vector<TableName> tables;  // one per scan(slot) in the tree
  std::vector<uint32_t> parameters;
  HiddenParameters hidden;
  bool mentions_deleted = false;
  bool has_default = false;  // DEFAULT as a value
  bool has_cte = false;
  bool has_view = false;
};

using SimpleForm = std::variant<std::monostate, SimpleSelect, SimpleInsert, SimpleUpdate, SimpleDelete>;

struct StatementParts {
  StatementKind kind = StatementKind::kSelect;
  StatementKind inner_kind = StatementKind::kSelect;  // of the explained statement; else the same as kind
  WalkFindings found;
  TableName target;
  std::vector<std::string> written;
  std::vector<DefaultCell> default_cells;
  SimpleForm simple;
  bool inserts_defaults = false;
  bool has_limit = false;

  // Every statement as a SELECT: tables replaced by scan(slot), functions of the statement's context by
  // hidden parameters. INSERT: its rows. UPDATE: target.*, then the new values. DELETE: target.*.
  std::unique_ptr<duckdb::SelectStatement> select;
  bool values_insert = false;  // INSERT ... VALUES: select is SELECT * FROM (VALUES ...)
  duckdb::ExplainType explain_type = duckdb::ExplainType::EXPLAIN_STANDARD;
};

// Immutable after Parse, but for the run counter.
class Statement final : public ParsedStatement {
 public:
  StatementKind kind() const override { return parts.kind; }
  const std::vector<TableName>& tables() const override { return parts.found.tables; }
  const TableName& target() const override { return parts.target; }
  const std::vector<uint32_t>& parameters() const override { return parts.found.parameters; }
  bool mentions_deleted() const override { return parts.found.mentions_deleted; }
  bool has_limit() const override { return parts.has_limit; }
  const std::vector<std::string>& written_columns() const override { return parts.written; }
  const std::vector<DefaultCell>& default_cells() const override { return parts.default_cells; }
  const SimpleForm& simple() const override { return parts.simple; }
  bool inserts_defaults() const override { return parts.inserts_defaults; }

  StatementParts parts;

  // The second run of a statement is worth a prepared plan, a single run is not.
  mutable std::atomic<uint32_t> runs{0};
};

}  // namespace kalam::engine
