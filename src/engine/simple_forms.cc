#include "engine/simple_forms.h"

#include <algorithm>
#include <charconv>
#include <optional>

#include "duckdb/common/string_util.hpp"
#include "duckdb/parser/expression/list.hpp"
#include "duckdb/parser/query_node/select_node.hpp"
#include "duckdb/parser/statement/delete_statement.hpp"
#include "duckdb/parser/statement/insert_statement.hpp"
#include "duckdb/parser/statement/select_statement.hpp"
#include "duckdb/parser/statement/update_statement.hpp"
#include "duckdb/parser/tableref/basetableref.hpp"
#include "duckdb/parser/tableref/expressionlistref.hpp"

namespace kalam::engine {
namespace {

using duckdb::ExpressionClass;
using duckdb::ExpressionType;
using duckdb::ParsedExpression;
using duckdb::StringUtil;

constexpr size_t kListMax = 256;

bool IsDigit(char c) { return c >= '0' && c <= '9'; }
bool IsSpace(char c) { return c == ' ' || c == '\t' || c == '\n' || c == '\r'; }
bool IsWordChar(char c) {
  return IsDigit(c) || c == '_' || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c & 0x80) != 0;
}

// --- literals, compared with the text

// The end of a plain number (digits, point, exponent) that starts at `begin`, or nullopt for other notations
// (0x1F, 1_000).
std::optional<size_t> NumberEnd(std::string_view sql, size_t begin) {
  size_t i = begin;
  const auto digits = [&] {
    const size_t from = i;
    while (i < sql.size() && IsDigit(sql[i])) ++i;
    return i > from;
  };
  const bool whole = digits();
  bool fraction = false;
  if (i < sql.size() && sql[i] == '.') {
    ++i;
    fraction = digits();
  }
  if (!whole && !fraction) return std::nullopt;
  if (i < sql.size() && (sql[i] == 'e' || sql[i] == 'E')) {
    ++i;
    if (i < sql.size() && (sql[i] == '+' || sql[i] == '-')) ++i;
    if (!digits()) return std::nullopt;
  }
  if (i < sql.size() && IsWordChar(sql[i])) return std::nullopt;
  return i;
}

std::optional<Operand> NumberAt(std::string_view sql, size_t offset, const duckdb::Value& value) {
  Operand operand;
  operand.kind = Operand::Kind::kLiteral;
  if (offset < sql.size() && sql[offset] == '-') {
    operand.negative = true;
    ++offset;
    while (offset < sql.size() && IsSpace(sql[offset])) ++offset;
  }
  const std::optional<size_t> end = NumberEnd(sql, offset);
  if (!end) return std::nullopt;
  const std::string_view token = sql.substr(offset, *end - offset);
  int64_t integer = 0;
  const auto parsed = std::from_chars(token.data(), token.data() + token.size(), integer);
  const bool fits = parsed.ec == std::errc() && parsed.ptr == token.data() + token.size();
  operand.literal_kind = fits ? Operand::LiteralKind::kInteger : Operand::LiteralKind::kDecimal;
  operand.offset = offset;
  // The parser's value must be this token with this sign; `- - 5` and the like are not.
  if (fits && value.GetValue<int64_t>() != (operand.negative ? -integer : integer)) return std::nullopt;
  if (!fits && (value.ToString().starts_with('-') != operand.negative)) return std::nullopt;
  return operand;
}

std::optional<Operand> StringAt(std::string_view sql, size_t offset, const std::string& value) {
  if (offset >= sql.size() || sql[offset] != '\'') return std::nullopt;  // E'..', X'..', $$..$$
  size_t matched = 0;
  size_t i = offset + 1;
  while (true) {
    if (i >= sql.size()) return std::nullopt;
    if (sql[i] == '\'') {
      if (i + 1 >= sql.size() || sql[i + 1] != '\'') break;
      ++i;
    }
    if (matched >= value.size() || value[matched] != sql[i]) return std::nullopt;
    ++matched;
    ++i;
  }
  if (matched != value.size()) return std::nullopt;  // 'a' 'b' on two lines is one value
  Operand operand;
  operand.literal_kind = Operand::LiteralKind::kString;
  operand.offset = offset;
  return operand;
}

bool WordAt(std::string_view sql, size_t offset, std::string_view word) {
  if (offset > sql.size() || sql.size() - offset < word.size()) return false;
  if (offset + word.size() < sql.size() && IsWordChar(sql[offset + word.size()])) return false;
  return StringUtil::CIEquals(std::string(sql.substr(offset, word.size())), std::string(word));
}

std::optional<Operand> Literal(const duckdb::ConstantExpression& constant, std::string_view sql) {
  if (!constant.GetQueryLocation().IsValid()) return std::nullopt;
  const size_t offset = constant.GetQueryLocation().GetIndex();
  switch (constant.value.type().id()) {
    case duckdb::LogicalTypeId::SQLNULL: {
      if (!WordAt(sql, offset, "null")) return std::nullopt;
      Operand operand;
      operand.offset = offset;
      return operand;
    }
    case duckdb::LogicalTypeId::VARCHAR:
      return StringAt(sql, offset, duckdb::StringValue::Get(constant.value));
    case duckdb::LogicalTypeId::INTEGER:
    case duckdb::LogicalTypeId::BIGINT:
    case duckdb::LogicalTypeId::HUGEINT:
    case duckdb::LogicalTypeId::UHUGEINT:
    case duckdb::LogicalTypeId::DECIMAL:
    case duckdb::LogicalTypeId::DOUBLE:
      return NumberAt(sql, offset, constant.value);
    default:
      return std::nullopt;
  }
}

// TRUE and FALSE arrive as CAST('t' AS BOOLEAN) whose string points at the word.
std::optional<Operand> BooleanLiteral(const duckdb::CastExpression& cast, std::string_view sql) {
  if (cast.try_cast || cast.cast_type.id() != duckdb::LogicalTypeId::BOOLEAN) return std::nullopt;
  if (cast.child->GetExpressionClass() != ExpressionClass::CONSTANT ||
      !cast.child->GetQueryLocation().IsValid())
    return std::nullopt;
  const size_t offset = cast.child->GetQueryLocation().GetIndex();
  const std::string value = cast.child->Cast<duckdb::ConstantExpression>().value.ToString();
  if (!(value == "t" && WordAt(sql, offset, "true")) && !(value == "f" && WordAt(sql, offset, "false")))
    return std::nullopt;
  Operand operand;
  operand.literal_kind = Operand::LiteralKind::kBoolean;
  operand.truth = value == "t";
  operand.offset = offset;
  return operand;
}

std::optional<Operand::Function> FunctionNamed(const std::string& lower, bool called) {
  using F = Operand::Function;
  if (lower == "current_timestamp") return F::kNow;
  if (lower == "current_user") return F::kCurrentUser;
  if (lower == "current_role") return F::kCurrentRole;
  if (!called) return std::nullopt;
  if (lower == "now") return F::kNow;
  if (lower == "snowflake_id") return F::kSnowflakeId;
  if (lower == "uuid_v7") return F::kUuidV7;
  if (lower == "ulid") return F::kUlid;
  if (lower == "current_user_id") return F::kCurrentUser;
  return std::nullopt;
}

std::optional<Operand> ToOperand(const ParsedExpression& expression, std::string_view sql) {
  switch (expression.GetExpressionClass()) {
    case ExpressionClass::CONSTANT:
      return Literal(expression.Cast<duckdb::ConstantExpression>(), sql);
    case ExpressionClass::CAST:
      return BooleanLiteral(expression.Cast<duckdb::CastExpression>(), sql);
    case ExpressionClass::DEFAULT: {
      Operand operand;
      operand.kind = Operand::Kind::kDefault;
      return operand;
    }
    case ExpressionClass::PARAMETER: {
      const std::string& name = expression.Cast<duckdb::ParameterExpression>().identifier;
      Operand operand;
      operand.kind = Operand::Kind::kParameter;
      const auto parsed = std::from_chars(name.data(), name.data() + name.size(), operand.parameter);
      if (parsed.ec != std::errc() || parsed.ptr != name.data() + name.size()) return std::nullopt;
      return operand;
    }
    case ExpressionClass::FUNCTION:
    case ExpressionClass::COLUMN_REF:
      break;
    default:
      return std::nullopt;
  }
  std::optional<Operand::Function> function;
  if (expression.GetExpressionClass() == ExpressionClass::FUNCTION) {
    const auto& call = expression.Cast<duckdb::FunctionExpression>();
    if (!call.children.empty() || !call.schema.empty() || call.filter || call.distinct) return std::nullopt;
    if (call.order_bys && !call.order_bys->orders.empty()) return std::nullopt;
    function = FunctionNamed(StringUtil::Lower(call.function_name), true);
  } else {
    const auto& names = expression.Cast<duckdb::ColumnRefExpression>().column_names;
    if (names.size() == 1) function = FunctionNamed(StringUtil::Lower(names[0]), false);
  }
  if (!function) return std::nullopt;
  Operand operand;
  operand.kind = Operand::Kind::kFunction;
  operand.function = *function;
  return operand;
}

// As a value to compare with or to limit by, DEFAULT makes no sense.
std::optional<Operand> ToValueOperand(const ParsedExpression& expression, std::string_view sql) {
  std::optional<Operand> operand = ToOperand(expression, sql);
  if (operand && operand->kind == Operand::Kind::kDefault) return std::nullopt;
  return operand;
}

// --- the only table and its columns

class Table {
 public:
  // False when the reference is anything but a plain table.
  bool Set(const duckdb::TableRef& ref) {
    if (ref.type != duckdb::TableReferenceType::BASE_TABLE || ref.sample || !ref.column_name_alias.empty())
      return false;
    const auto& base = ref.Cast<duckdb::BaseTableRef>();
    if (base.at_clause) return false;
    ns_ = StringUtil::Lower(base.schema_name);
    name_ = StringUtil::Lower(base.alias.empty() ? base.table_name : base.alias);
    aliased_ = !base.alias.empty();
    return true;
  }
  // The column's lower-case name when `expression` is a column of this table.
  std::optional<std::string> Column(const ParsedExpression& expression) const {
    if (expression.GetExpressionClass() != ExpressionClass::COLUMN_REF) return std::nullopt;
    const auto& names = expression.Cast<duckdb::ColumnRefExpression>().column_names;
    const std::string column = StringUtil::Lower(names.back());
    if (names.size() == 1) {
      // Words that are functions without parentheses.
      if (column.starts_with("current_") || column.starts_with("local") || column == "session_user" ||
          column == "user")
        return std::nullopt;
      return column;
    }
    if (names.size() == 2 && StringUtil::Lower(names[0]) == name_) return column;
    if (names.size() == 3 && !aliased_ && StringUtil::Lower(names[0]) == ns_ &&
        StringUtil::Lower(names[1]) == name_)
      return column;
    return std::nullopt;
  }
  bool IsStar(const ParsedExpression& expression) const {
    if (expression.GetExpressionClass() != ExpressionClass::STAR) return false;
    const auto& star = expression.Cast<duckdb::StarExpression>();
    if (star.columns || star.expr || !star.exclude_list.empty() || !star.replace_list.empty() ||
        !star.rename_list.empty())
      return false;
    return star.relation_name.empty() || StringUtil::Lower(star.relation_name) == name_;
  }

 private:
  std::string ns_;
  std::string name_;
  bool aliased_ = false;
};

// --- filters

bool AddComparison(const duckdb::ComparisonExpression& comparison, const Table& table, std::string_view sql,
                   std::vector<Comparison>& out) {
  ExpressionType type = comparison.GetExpressionType();
  const ParsedExpression* left = comparison.left.get();
  const ParsedExpression* right = comparison.right.get();
  if (!table.Column(*left)) {
    std::swap(left, right);
    type = duckdb::FlipComparisonExpression(type);
  }
  const std::optional<CompareOp> op = ToCompareOp(type);
  const std::optional<std::string> column = table.Column(*left);
  const std::optional<Operand> operand = ToValueOperand(*right, sql);
  if (!op || !column || !operand) return false;
  out.push_back({*column, *op, *operand, {}});
  return true;
}

// `column IN (operand, ...)`. More operands than kListMax are the engine's, which hashes them.
bool AddList(const duckdb::OperatorExpression& in, const Table& table, std::string_view sql,
             std::vector<Comparison>& out) {
  const std::optional<std::string> column = table.Column(*in.children[0]);
  if (!column || in.children.size() - 1 > kListMax) return false;
  Comparison comparison{*column, CompareOp::kIn, {}, {}};
  for (size_t i = 1; i < in.children.size(); ++i) {
    const std::optional<Operand> operand = ToValueOperand(*in.children[i], sql);
    if (!operand) return false;
    comparison.list.push_back(*operand);
  }
  out.push_back(std::move(comparison));
  return true;
}

bool AddNullTest(const duckdb::OperatorExpression& test, const Table& table, std::vector<Comparison>& out) {
  const std::optional<std::string> column = table.Column(*test.children[0]);
  if (!column) return false;
  const bool is_null = test.GetExpressionType() == ExpressionType::OPERATOR_IS_NULL;
  out.push_back({*column, is_null ? CompareOp::kIsNull : CompareOp::kIsNotNull, {}, {}});
  return true;
}

// False when the filter is more than comparisons of columns with operands, joined by AND.
bool AddFilter(const ParsedExpression& expression, const Table& table, std::string_view sql,
               std::vector<Comparison>& out) {
  switch (expression.GetExpressionClass()) {
    case ExpressionClass::CONJUNCTION: {
      if (expression.GetExpressionType() != ExpressionType::CONJUNCTION_AND) return false;
      const auto& children = expression.Cast<duckdb::ConjunctionExpression>().children;
      return std::ranges::all_of(children,
                                 [&](const auto& child) { return AddFilter(*child, table, sql, out); });
    }
    case ExpressionClass::COMPARISON: {
      const ExpressionType type = expression.GetExpressionType();
      if (!ToCompareOp(type)) return false;
      return AddComparison(expression.Cast<duckdb::ComparisonExpression>(), table, sql, out);
    }
    case ExpressionClass::BETWEEN: {
      const auto& between = expression.Cast<duckdb::BetweenExpression>();
      if (expression.GetExpressionType() != ExpressionType::COMPARE_BETWEEN) return false;
      const std::optional<std::string> column = table.Column(*between.input);
      const std::optional<Operand> lower = ToValueOperand(*between.lower, sql);
      const std::optional<Operand> upper = ToValueOperand(*between.upper, sql);
      if (!column || !lower || !upper) return false;
      out.push_back({*column, CompareOp::kGreaterEqual, *lower, {}});
      out.push_back({*column, CompareOp::kLessEqual, *upper, {}});
      return true;
    }
    case ExpressionClass::OPERATOR: {
      const auto& call = expression.Cast<duckdb::OperatorExpression>();
      switch (expression.GetExpressionType()) {
        case ExpressionType::OPERATOR_IS_NULL:
        case ExpressionType::OPERATOR_IS_NOT_NULL:
          return AddNullTest(call, table, out);
        case ExpressionType::COMPARE_IN:
          return AddList(call, table, sql, out);
        default:
          return false;
      }
    }
    default:
      return false;
  }
}

// --- statements

bool AddSelectItem(const ParsedExpression& expression, const Table& table, size_t count, SimpleSelect& out) {
  const std::string& alias = expression.GetAlias();
  if (table.IsStar(expression)) {
    if (!alias.empty()) return false;
    out.items.push_back({"", ""});
    return true;
  }
  if (const std::optional<std::string> column = table.Column(expression)) {
    out.items.push_back({*column, alias.empty() ? *column : alias});
    return true;
  }
  if (expression.GetExpressionClass() != ExpressionClass::FUNCTION || count != 1) return false;
  const auto& call = expression.Cast<duckdb::FunctionExpression>();
  if (StringUtil::Lower(call.function_name) != "count_star" || !call.schema.empty() ||
      !call.children.empty() || call.filter || call.distinct ||
      (call.order_bys && !call.order_bys->orders.empty())) {
    return false;
  }
  out.count_star = true;
  out.items.push_back({"", alias.empty() ? "count(*)" : alias});
  return true;
}

bool AddModifier(const duckdb::ResultModifier& modifier, const Table& table, std::string_view sql,
                 SimpleSelect& out) {
  if (modifier.type == duckdb::ResultModifierType::ORDER_MODIFIER) {
    const auto& orders = modifier.Cast<duckdb::OrderModifier>().orders;
    if (orders.size() != 1 || out.order || orders[0].null_order != duckdb::OrderByNullType::ORDER_DEFAULT)
      return false;
    const std::optional<std::string> column = table.Column(*orders[0].expression);
    if (!column) return false;
    // ORDER BY sees result names first: a label that hides another column is another order.
    for (const SimpleSelect::Item& item : out.items) {
      if (StringUtil::Lower(item.label) == *column && item.column != *column) return false;
    }
    out.order = SimpleSelect::Order{*column, orders[0].type == duckdb::OrderType::DESCENDING};
    return true;
  }
  if (modifier.type != duckdb::ResultModifierType::LIMIT_MODIFIER) return false;
  const auto& limit = modifier.Cast<duckdb::LimitModifier>();
  if (limit.limit && !(out.limit = ToValueOperand(*limit.limit, sql))) return false;
  return !limit.offset || (out.offset = ToValueOperand(*limit.offset, sql)).has_value();
}

std::optional<SimpleSelect> Select(const duckdb::SelectStatement& statement, std::string_view sql) {
  if (statement.node->type != duckdb::QueryNodeType::SELECT_NODE) return std::nullopt;
  const auto& node = statement.node->Cast<duckdb::SelectNode>();
  Table table;
  if (!node.cte_map.map.empty() || !node.from_table || !table.Set(*node.from_table)) return std::nullopt;
  if (!node.groups.group_expressions.empty() || !node.groups.grouping_sets.empty() || node.having ||
      node.qualify || node.sample ||
      node.aggregate_handling != duckdb::AggregateHandling::STANDARD_HANDLING) {
    return std::nullopt;
  }
  SimpleSelect out;
  for (const auto& item : node.select_list) {
    if (!AddSelectItem(*item, table, node.select_list.size(), out)) return std::nullopt;
  }
  if (node.where_clause) {
    if (!AddFilter(*node.where_clause, table, sql, out.where)) return std::nullopt;
    // WHERE may name a label when there is no such column; only the engine knows the columns.
    for (const SimpleSelect::Item& item : out.items) {
      const std::string label = StringUtil::Lower(item.label);
      if (label == item.column) continue;
      if (std::ranges::any_of(out.where, [&](const Comparison& c) { return c.column == label; }))
        return std::nullopt;
    }
  }
  for (const auto& modifier : node.modifiers) {
    if (!AddModifier(*modifier, table, sql, out)) return std::nullopt;
  }
  if (out.count_star && out.order) return std::nullopt;
  return out;
}

std::optional<SimpleInsert> Insert(const duckdb::InsertStatement& statement, std::string_view sql) {
  if (!statement.cte_map.map.empty() || statement.on_conflict_info || !statement.returning_list.empty() ||
      statement.default_values || statement.column_order != duckdb::InsertColumnOrder::INSERT_BY_POSITION ||
      !statement.select_statement) {
    return std::nullopt;
  }
  if (!statement.select_statement->node->modifiers.empty() ||
      !statement.select_statement->node->cte_map.map.empty())
    return std::nullopt;
  const auto values = statement.GetValuesList();
  if (!values) return std::nullopt;
  SimpleInsert out;
  for (const std::string& column : statement.columns) out.columns.push_back(StringUtil::Lower(column));
  out.rows.reserve(values->values.size());
  for (const auto& row : values->values) {
    auto& operands = out.rows.emplace_back();
    operands.reserve(row.size());
    for (const auto& cell : row) {
      const std::optional<Operand> operand = ToOperand(*cell, sql);
      if (!operand) return std::nullopt;
      operands.push_back(*operand);
    }
  }
  return out;
}

bool AddAssignment(const std::string& column, const ParsedExpression& value, const Table& table,
                   std::string_view sql, SimpleUpdate& out) {
  using Form = SimpleUpdate::Assignment::Form;
  SimpleUpdate::Assignment assignment;
  assignment.column = StringUtil::Lower(column);
  if (const std::optional<Operand> operand = ToOperand(value, sql)) {
    assignment.operand = *operand;
    out.assignments.push_back(std::move(assignment));
    return true;
  }
  if (value.GetExpressionClass() != ExpressionClass::FUNCTION) return false;
  const auto& call = value.Cast<duckdb::FunctionExpression>();
  if (!call.is_operator || call.children.size() != 2 ||
      (call.function_name != "+" && call.function_name != "-"))
    return false;
  const std::optional<std::string> source = table.Column(*call.children[0]);
  const std::optional<Operand> operand = ToValueOperand(*call.children[1], sql);
  if (!source || !operand) return false;
  assignment.form = call.function_name == "+" ? Form::kColumnPlus : Form::kColumnMinus;
  assignment.source_column = *source;
  assignment.operand = *operand;
  out.assignments.push_back(std::move(assignment));
  return true;
}

std::optional<SimpleUpdate> Update(const duckdb::UpdateStatement& statement, std::string_view sql) {
  Table table;
  if (!statement.cte_map.map.empty() || statement.from_table || !statement.returning_list.empty() ||
      !table.Set(*statement.table) || !statement.set_info->condition) {
    return std::nullopt;
  }
  SimpleUpdate out;
  const auto& set = *statement.set_info;
  for (size_t i = 0; i < set.columns.size(); ++i) {
    if (!AddAssignment(set.columns[i], *set.expressions[i], table, sql, out)) return std::nullopt;
  }
  if (!AddFilter(*set.condition, table, sql, out.where)) return std::nullopt;
  return out;
}

std::optional<SimpleDelete> Delete(const duckdb::DeleteStatement& statement, std::string_view sql) {
  Table table;
  if (!statement.cte_map.map.empty() || !statement.using_clauses.empty() ||
      !statement.returning_list.empty() || !table.Set(*statement.table) || !statement.condition) {
    return std::nullopt;
  }
  SimpleDelete out;
  if (!AddFilter(*statement.condition, table, sql, out.where)) return std::nullopt;
  return out;
}

template <typename Form>
SimpleForm OrNone(std::optional<Form> form) {
  if (!form) return std::monostate();
  return std::move(*form);
}

}  // namespace

std::optional<CompareOp> ToCompareOp(duckdb::ExpressionType type) {
  using duckdb::ExpressionType;
  switch (type) {
    case ExpressionType::COMPARE_EQUAL:
      return CompareOp::kEqual;
    case ExpressionType::COMPARE_NOTEQUAL:
      return CompareOp::kNotEqual;
    case ExpressionType::COMPARE_LESSTHAN:
      return CompareOp::kLess;
    case ExpressionType::COMPARE_LESSTHANOREQUALTO:
      return CompareOp::kLessEqual;
    case ExpressionType::COMPARE_GREATERTHAN:
      return CompareOp::kGreater;
    case ExpressionType::COMPARE_GREATERTHANOREQUALTO:
      return CompareOp::kGreaterEqual;
    default:
      return std::nullopt;
  }
}

void MoveLiterals(SimpleForm& form, const ParserText& text) {
  const auto move = [&](Operand& operand) { operand.offset = text.Original(operand.offset); };
  const auto move_filter = [&](std::vector<Comparison>& where) {
    for (Comparison& comparison : where) {
      move(comparison.operand);
      std::ranges::for_each(comparison.list, move);
    }
  };
  if (auto* select = std::get_if<SimpleSelect>(&form)) {
    move_filter(select->where);
    if (select->limit) move(*select->limit);
    if (select->offset) move(*select->offset);
  } else if (auto* insert = std::get_if<SimpleInsert>(&form)) {
    for (auto& row : insert->rows) std::ranges::for_each(row, move);
  } else if (auto* update = std::get_if<SimpleUpdate>(&form)) {
    for (auto& assignment : update->assignments) move(assignment.operand);
    move_filter(update->where);
  } else if (auto* remove = std::get_if<SimpleDelete>(&form)) {
    move_filter(remove->where);
  }
}

SimpleForm RecogniseSimpleForm(const duckdb::SQLStatement& statement, std::string_view sql) {
  switch (statement.type) {
    case duckdb::StatementType::SELECT_STATEMENT:
      return OrNone(Select(statement.Cast<duckdb::SelectStatement>(), sql));
    case duckdb::StatementType::INSERT_STATEMENT:
      return OrNone(Insert(statement.Cast<duckdb::InsertStatement>(), sql));
    case duckdb::StatementType::UPDATE_STATEMENT:
      return OrNone(Update(statement.Cast<duckdb::UpdateStatement>(), sql));
    case duckdb::StatementType::DELETE_STATEMENT:
      return OrNone(Delete(statement.Cast<duckdb::DeleteStatement>(), sql));
    default:
      return std::monostate();
  }
}

}  // namespace kalam::engine
