// A SELECT, INSERT, UPDATE, DELETE or EXPLAIN after parsing and the allow-list check, in terms that the upper
// modules understand.
#pragma once

#include <compare>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

#include "base/error.h"

namespace kalam::engine {

// A table as written in the statement. Parts are lower case; a leading catalog name `kalam.` has been
// removed.
struct TableName {
  std::string ns;  // empty when not qualified
  std::string table;
  friend bool operator==(const TableName&, const TableName&) = default;
};

// One value position of a simple statement.
struct Operand {
  enum class Kind : uint8_t { kLiteral, kParameter, kFunction, kDefault };
  enum class Function : uint8_t { kNow, kSnowflakeId, kUuidV7, kUlid, kCurrentUser, kCurrentRole };
  enum class LiteralKind : uint8_t { kNull, kBoolean, kInteger, kDecimal, kString };
  Kind kind = Kind::kLiteral;
  LiteralKind literal_kind = LiteralKind::kNull;
  Function function = Function::kNow;
  bool negative = false;   // kLiteral number written with a minus sign before it
  bool truth = false;      // kLiteral boolean: its value
  uint32_t parameter = 0;  // kParameter: 1-based
  size_t offset =
      0;  // kLiteral: byte offset of the literal's token in the statement text (of the number, not its sign)
};

enum class CompareOp : uint8_t {
  kEqual,
  kNotEqual,
  kLess,
  kLessEqual,
  kGreater,
  kGreaterEqual,
  kIsNull,
  kIsNotNull,
  kIn  // one of a list
};

struct Comparison {
  std::string column;  // lower case
  CompareOp op = CompareOp::kEqual;
  Operand operand;            // unused for IS [NOT] NULL and IN
  std::vector<Operand> list;  // of IN
};

// SELECT <plain columns or *> FROM <one table, no alias use> [WHERE c op v AND ...] [ORDER BY c [ASC|DESC]]
// [LIMIT n] [OFFSET n]
struct SimpleSelect {
  struct Item {
    std::string column;  // lower case; empty = *
    std::string label;   // result name (alias or the column's name)
  };
  std::vector<Item> items;
  bool count_star = false;  // the only item is COUNT(*); `items` holds its label
  std::vector<Comparison> where;
  struct Order {
    std::string column;
    bool descending = false;
  };
  std::optional<Order> order;  // explicit NULLS FIRST/LAST makes a statement not simple
  std::optional<Operand> limit;
  std::optional<Operand> offset;
};

// INSERT INTO t [(columns)] VALUES (operand, ...), ...
struct SimpleInsert {
  std::vector<std::string> columns;  // empty = all, in table order
  std::vector<std::vector<Operand>> rows;
};

// UPDATE t SET c = operand | c = c2 + operand | c = c2 - operand, ... WHERE ...
struct SimpleUpdate {
  struct Assignment {
    std::string column;
    enum class Form : uint8_t { kOperand, kColumnPlus, kColumnMinus } form = Form::kOperand;
    std::string source_column;  // kColumnPlus, kColumnMinus
    Operand operand;
  };
  std::vector<Assignment> assignments;
  std::vector<Comparison> where;
};

struct SimpleDelete {
  std::vector<Comparison> where;
};

// A value position of INSERT ... VALUES or of an UPDATE's assignments; both 0-based.
struct DefaultCell {
  size_t row = 0;
  size_t position = 0;  // in the column list, or among the assignments
  friend auto operator<=>(const DefaultCell&, const DefaultCell&) = default;
};

enum class StatementKind : uint8_t { kSelect, kInsert, kUpdate, kDelete, kExplain };

// Parsed, allowed, immutable; shared by threads. Holds the engine's tree inside.
class ParsedStatement {
 public:
  virtual ~ParsedStatement() = default;
  virtual StatementKind kind() const = 0;
  // Every table reference, in the order in which Engine::Run wants the sources. For INSERT, UPDATE and DELETE
  // the written table is target() and, for UPDATE and DELETE, also the first of tables().
  virtual const std::vector<TableName>& tables() const = 0;
  virtual const TableName& target() const = 0;
  // Distinct $n in ascending order.
  virtual const std::vector<uint32_t>& parameters() const = 0;
  // The statement names the system column _deleted in a filter, so deleted rows take part in it.
  virtual bool mentions_deleted() const = 0;
  // The outermost query has a LIMIT.
  virtual bool has_limit() const = 0;
  // INSERT: the column list (lower case, empty = all); UPDATE: the assigned columns in order.
  virtual const std::vector<std::string>& written_columns() const = 0;
  // Where DEFAULT stands for a value, ascending: the rows of INSERT ... VALUES, row 0 for the assignments of
  // an UPDATE. Engine::Run gives NULL there; the writer puts the column's default in its place.
  virtual const std::vector<DefaultCell>& default_cells() const = 0;
  // INSERT ... DEFAULT VALUES: one row, whose only value stands for the table's first column.
  virtual bool inserts_defaults() const = 0;
  // The statement's simple form when it has one, else monostate.
  virtual const std::variant<std::monostate, SimpleSelect, SimpleInsert, SimpleUpdate, SimpleDelete>& simple()
      const = 0;
};

using ParsedStatementPtr = std::shared_ptr<const ParsedStatement>;

// What stands for a table's name when that is a view's.
struct ViewText {
  std::string query;       // one SELECT without parameters
  std::string name_space;  // of the names in `query` that have none
  // What the query calls a column and what the view calls it; empty = all columns of the query, as they come.
  std::vector<std::pair<std::string, std::string>> columns;
};
// The view of that name, nullopt when it is none. The name is as written, so without namespace it may be.
using ViewFinder = std::function<std::optional<ViewText>(const TableName&)>;

}  // namespace kalam::engine
