// Plans of SELECT, INSERT, UPDATE and DELETE, and the cache of them.
//
// A statement that has a simple form over one table gets a direct plan: it runs straight on the hot tier, on
// the thread of its connection. Its literals are positions, so one plan serves every statement with the same
// normal form. Everything else is an engine plan, kept by its exact text.
#pragma once

#include <cstdint>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <variant>
#include <vector>

#include "base/error.h"
#include "catalog/catalog.h"
#include "engine/engine.h"
#include "engine/statement.h"
#include "model/result.h"
#include "sql/parse/lexer.h"
#include "system/system_table.h"

namespace kalam::sql {

// A value position of a direct plan.
struct OperandRef {
  engine::Operand operand;
  size_t literal = 0;  // kLiteral other than NULL and booleans: index into the statement's literals
};

struct PlannedComparison {
  size_t ordinal = 0;
  engine::CompareOp op = engine::CompareOp::kEqual;
  OperandRef value;              // unused for IS [NOT] NULL and IN
  std::vector<OperandRef> list;  // of IN
};

struct DirectSelect {
  std::vector<size_t> projection;  // SELECT * positions
  std::vector<ResultColumn> columns;
  bool count_star = false;
  std::vector<PlannedComparison> where;
  bool descending = false;
  std::optional<OperandRef> limit;
  std::optional<OperandRef> offset;
};

struct DirectInsert {
  std::vector<size_t> columns;  // ordinals
  std::vector<std::vector<OperandRef>> rows;
};

struct DirectUpdate {
  struct Item {
    size_t ordinal = 0;
    engine::SimpleUpdate::Assignment::Form form = engine::SimpleUpdate::Assignment::Form::kOperand;
    size_t source_ordinal = 0;
    OperandRef value;
  };
  std::vector<Item> assignments;
  std::vector<PlannedComparison> where;
};

struct DirectDelete {
  std::vector<PlannedComparison> where;
};

// SELECT of a system table's columns or COUNT(*), at most with comparisons of TEXT columns to constants: made
// from the table's rows without the engine. The values are those of this text, so the plan is for it alone.
struct SystemSelect {
  struct Filter {
    size_t ordinal = 0;
    bool equal = true;  // else not equal
    std::string text;
  };
  std::vector<size_t> projection;
  std::vector<ResultColumn> columns;
  bool count_star = false;
  std::vector<Filter> where;
  std::optional<int64_t> limit;
};

// A table reference of a statement: a table of the catalog or a system table.
struct PlannedTable {
  catalog::TablePtr table;
  const system::SystemTable* system = nullptr;  // static storage
};

// Immutable, shared by threads. Valid for one catalog version.
struct Plan {
  uint64_t catalog_version = 0;
  engine::StatementKind kind = engine::StatementKind::kSelect;
  engine::ParsedStatementPtr
      parsed;  // of the text that the plan was made from; other literals when `direct` is set
  std::vector<PlannedTable> tables;  // parallel to parsed->tables()
  catalog::TablePtr target;          // INSERT, UPDATE, DELETE
  std::vector<uint32_t> parameters;  // distinct $n, ascending
  // Why the statement cannot run at all. It tells of the tables' columns, so only those who may touch the
  // tables get to know (AuthorizePlan).
  std::optional<Error> refusal;
  std::variant<std::monostate, DirectSelect, DirectInsert, DirectUpdate, DirectDelete> direct;

  std::optional<SystemSelect> system_select;

  bool has_direct() const { return direct.index() != 0; }
};
using PlanPtr = std::shared_ptr<const Plan>;

// Names resolved against `snapshot` and, where possible, a direct plan. kNotFoundTable, kInvalidOperation
// (unknown column, system table, ...). `literals`: of the statement's normal form.
Result<PlanPtr> MakePlan(engine::ParsedStatementPtr parsed, const catalog::CatalogSnapshot& snapshot,
                         uint64_t catalog_version, std::string_view name_space,
                         const std::vector<Literal>& literals);

// "Table 't' not found in namespace 'ns'" with details table_name, namespace.
Error TableNotFound(std::string_view ns, std::string_view table);

// Thread-safe, bounded: a full shard drops an arbitrary entry. Entries of older catalog versions are never
// returned.
class PlanCache {
 public:
  explicit PlanCache(size_t entries_max);

  PlanPtr Find(std::string_view key, uint64_t catalog_version);
  void Insert(std::string_view key, PlanPtr plan);
  size_t size() const;

 private:
  struct Hash {
    using is_transparent = void;
    size_t operator()(std::string_view s) const { return std::hash<std::string_view>{}(s); }
  };
  struct Shard {
    mutable std::mutex mu;
    std::unordered_map<std::string, PlanPtr, Hash, std::equal_to<>> plans;
  };
  static constexpr size_t kShards = 16;
  Shard& ShardOf(std::string_view key);

  size_t entries_max_per_shard_;
  std::unique_ptr<Shard[]> shards_;
};

}  // namespace kalam::sql
