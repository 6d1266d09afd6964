#include "engine/plan.h"

#include <algorithm>
#include <charconv>

#include "duckdb/common/string_util.hpp"
#include "duckdb/parser/expression/list.hpp"
#include "duckdb/parser/query_node/select_node.hpp"
#include "duckdb/parser/tableref/expressionlistref.hpp"
#include "duckdb/parser/tableref/joinref.hpp"
#include "duckdb/parser/tableref/subqueryref.hpp"
#include "duckdb/parser/tableref/table_function_ref.hpp"
#include "engine/allow_walk.h"
#include "engine/scalar_functions.h"

namespace kalam::engine {
namespace {

using duckdb::ExpressionClass;
using duckdb::ParsedExpression;
using duckdb::SelectNode;
using duckdb::StringUtil;
using duckdb::TableRef;
using Sources = std::span<const std::shared_ptr<const Source>>;

// --- which sources stand in FROM

// A result column and the column of a source that it shows unchanged, or nullptr.
struct Shown {
  std::string name;  // lower case
  const ResultColumn* origin;
};

struct Leaf {
  std::string alias;  // lower case
  std::vector<Shown> columns;
  bool optional;  // below an outer join, so any column may be NULL
};

std::optional<std::vector<Shown>> ShownBy(const duckdb::QueryNode& any, Sources sources);

std::optional<size_t> SlotOf(const TableRef& ref) {
  if (ref.type != duckdb::TableReferenceType::TABLE_FUNCTION) return std::nullopt;
  const auto& function = ref.Cast<duckdb::TableFunctionRef>().function->Cast<duckdb::FunctionExpression>();
  if (function.function_name != kScanFunction) return std::nullopt;
  return static_cast<size_t>(
      function.children[0]->Cast<duckdb::ConstantExpression>().value.GetValue<int32_t>());
}

// False when anything but plain tables, joined without USING, stands in FROM.
bool CollectLeaves(const TableRef& ref, Sources sources, bool optional, std::vector<Leaf>& out) {
  if (const std::optional<size_t> slot = SlotOf(ref)) {
    if (!ref.column_name_alias.empty() || *slot >= sources.size()) return false;
    Leaf& leaf = out.emplace_back(Leaf{StringUtil::Lower(ref.alias), {}, optional});
    for (const ResultColumn& column : sources[*slot]->columns())
      leaf.columns.push_back({column.name, &column});
    return true;
  }
  if (ref.type == duckdb::TableReferenceType::SUBQUERY) {
    if (!ref.column_name_alias.empty()) return false;
    auto columns = ShownBy(*ref.Cast<duckdb::SubqueryRef>().subquery->node, sources);
    if (!columns) return false;
    out.push_back({StringUtil::Lower(ref.alias), std::move(*columns), optional});
    return true;
  }
  if (ref.type != duckdb::TableReferenceType::JOIN) return false;
  const auto& join = ref.Cast<duckdb::JoinRef>();
  if (!join.using_columns.empty() || join.ref_type == duckdb::JoinRefType::NATURAL || !join.alias.empty())
    return false;
  bool left = optional;
  bool right = optional;
  switch (join.type) {
    case duckdb::JoinType::INNER:
      break;
    case duckdb::JoinType::LEFT:
      right = true;
      break;
    case duckdb::JoinType::RIGHT:
      left = true;
      break;
    case duckdb::JoinType::OUTER:
      left = right = true;
      break;
    default:
      return false;
  }
  return CollectLeaves(*join.left, sources, left, out) && CollectLeaves(*join.right, sources, right, out);
}

const TableRef& FirstTable(const TableRef& ref) {
  const TableRef* at = &ref;
  while (at->type == duckdb::TableReferenceType::JOIN) at = at->Cast<duckdb::JoinRef>().left.get();
  return *at;
}

// --- plain columns in the select list

bool IsPlainStar(const duckdb::StarExpression& star) {
  return !star.columns && !star.expr && star.exclude_list.empty() && star.replace_list.empty() &&
         star.rename_list.empty();
}

const ResultColumn* OriginOf(const duckdb::ColumnRefExpression& ref, const std::vector<Leaf>& leaves,
                             bool& optional) {
  const auto& names = ref.column_names;
  if (names.size() > 2) return nullptr;
  const std::string column = StringUtil::Lower(names.back());
  const std::string alias = names.size() == 2 ? StringUtil::Lower(names[0]) : "";
  for (const Leaf& leaf : leaves) {
    if (!alias.empty() && leaf.alias != alias) continue;
    for (const Shown& shown : leaf.columns) {
      if (shown.name != column) continue;
      optional = leaf.optional;
      return shown.origin;
    }
  }
  return nullptr;
}

std::optional<std::vector<Shown>> ShownBy(const duckdb::QueryNode& any, Sources sources) {
  if (any.type != duckdb::QueryNodeType::SELECT_NODE) return std::nullopt;
  const auto& node = any.Cast<SelectNode>();
  std::vector<Leaf> leaves;
  if (!CollectLeaves(*node.from_table, sources, false, leaves)) return std::nullopt;
  std::vector<Shown> out;
  for (const auto& item : node.select_list) {
    if (item->GetExpressionClass() == ExpressionClass::STAR) {
      const auto& star = item->Cast<duckdb::StarExpression>();
      if (!IsPlainStar(star)) return std::nullopt;
      for (const Leaf& leaf : leaves) {
        if (!star.relation_name.empty() && !StringUtil::CIEquals(star.relation_name, leaf.alias)) continue;
        for (const Shown& shown : leaf.columns)
          out.push_back({shown.name, leaf.optional ? nullptr : shown.origin});
      }
      continue;
    }
    const ResultColumn* origin = nullptr;
    bool optional = false;
    std::string name = item->GetAlias();
    if (item->GetExpressionClass() == ExpressionClass::COLUMN_REF) {
      const auto& ref = item->Cast<duckdb::ColumnRefExpression>();
      origin = OriginOf(ref, leaves, optional);
      if (name.empty()) name = ref.column_names.back();
    }
    out.push_back({StringUtil::Lower(name), optional ? nullptr : origin});
  }
  return out;
}

// --- changes to the tree

bool ShowsColumn(const SelectNode& node, const std::string& alias, const std::string& column) {
  return std::ranges::any_of(node.select_list, [&](const auto& item) {
    if (item->GetExpressionClass() == ExpressionClass::STAR) {
      const auto& star = item->template Cast<duckdb::StarExpression>();
      return IsPlainStar(star) &&
             (star.relation_name.empty() || StringUtil::CIEquals(star.relation_name, alias));
    }
    if (item->GetExpressionClass() != ExpressionClass::COLUMN_REF) return false;
    const auto& names = item->template Cast<duckdb::ColumnRefExpression>().column_names;
    if (!StringUtil::CIEquals(names.back(), column)) return false;
    return names.size() == 1 || (names.size() == 2 && StringUtil::CIEquals(names[0], alias));
  });
}

// A query without an order of its own answers in the order of its first table: SortedBy, else the primary
// key.
void AddDefaultOrder(duckdb::QueryNode& any, Sources sources) {
  if (any.type != duckdb::QueryNodeType::SELECT_NODE) return;
  auto& node = any.Cast<SelectNode>();
  const bool ordered = std::ranges::any_of(node.modifiers, [](const auto& modifier) {
    return modifier->type != duckdb::ResultModifierType::LIMIT_MODIFIER;  // ORDER BY or DISTINCT
  });
  if (ordered || !node.groups.group_expressions.empty() || !node.groups.grouping_sets.empty() || node.sample)
    return;
  const TableRef& first = FirstTable(*node.from_table);
  if (first.type == duckdb::TableReferenceType::SUBQUERY && node.from_table.get() == &first) {
    const bool plain = std::ranges::all_of(node.select_list, [](const auto& item) {
      return item->GetExpressionClass() == ExpressionClass::STAR ||
             item->GetExpressionClass() == ExpressionClass::COLUMN_REF;
    });
    if (!plain) return;
    // SELECT ... FROM (SELECT ...), as a view is: rows come in the order of the inner query.
    AddDefaultOrder(MainQuery(*first.Cast<duckdb::SubqueryRef>().subquery->node), sources);
    return;
  }
  const std::optional<size_t> slot = SlotOf(first);
  if (!slot || *slot >= sources.size() || !first.column_name_alias.empty()) return;
  const Source& source = *sources[*slot];
  const auto columns = source.columns();
  // A source with an order of its own (events by arrival) keeps that.
  auto key = source.SortedBy()
                 ? columns.begin() + static_cast<std::ptrdiff_t>(*source.SortedBy())
                 : std::ranges::find_if(columns, [](const ResultColumn& c) { return c.primary_key; });
  if (key == columns.end())
    key = std::ranges::find_if(columns, [](const ResultColumn& c) { return c.name == "_seq"; });
  if (key == columns.end() || !ShowsColumn(node, first.alias, key->name)) return;
  const bool alone = node.from_table.get() == &first;
  if (alone && source.SortedBy() == static_cast<size_t>(key - columns.begin())) return;
  auto order = duckdb::make_uniq<duckdb::OrderModifier>();
  order->orders.emplace_back(duckdb::OrderType::ASCENDING, duckdb::OrderByNullType::NULLS_LAST,
                             duckdb::make_uniq<duckdb::ColumnRefExpression>(key->name, first.alias));
  node.modifiers.insert(node.modifiers.begin(), std::move(order));
}

void AddLimit(duckdb::QueryNode& node, int64_t rows) {
  const bool limited = std::ranges::any_of(node.modifiers, [](const auto& modifier) {
    return modifier->type == duckdb::ResultModifierType::LIMIT_MODIFIER ||
           modifier->type == duckdb::ResultModifierType::LIMIT_PERCENT_MODIFIER;
  });
  if (limited) return;  // Run stops reading at the limit
  auto limit = duckdb::make_uniq<duckdb::LimitModifier>();
  limit->limit = duckdb::make_uniq<duckdb::ConstantExpression>(duckdb::Value::BIGINT(rows));
  node.modifiers.push_back(std::move(limit));
}

// A number that is compared with a text column is compared as text, as in the reference. DuckDB reads the
// column as numbers instead, and one row that is none fails the query.
class NumbersAsText {
 public:
  NumbersAsText(const std::vector<Leaf>& leaves, std::span<const Value> parameters)
      : leaves_(leaves), parameters_(parameters) {}

  void Walk(ParsedExpression& expression) const {
    switch (expression.GetExpressionClass()) {
      case ExpressionClass::CONJUNCTION:
        for (auto& child : expression.Cast<duckdb::ConjunctionExpression>().children) Walk(*child);
        return;
      case ExpressionClass::COMPARISON: {
        auto& comparison = expression.Cast<duckdb::ComparisonExpression>();
        if (IsText(*comparison.left)) Convert(comparison.right);
        if (IsText(*comparison.right)) Convert(comparison.left);
        return;
      }
      case ExpressionClass::BETWEEN: {
        auto& between = expression.Cast<duckdb::BetweenExpression>();
        if (!IsText(*between.input)) return;
        Convert(between.lower);
        Convert(between.upper);
        return;
      }
      case ExpressionClass::OPERATOR: {
        auto& children = expression.Cast<duckdb::OperatorExpression>().children;
        const auto type = expression.GetExpressionType();
        if (type == duckdb::ExpressionType::OPERATOR_NOT) Walk(*children[0]);
        if (type != duckdb::ExpressionType::COMPARE_IN && type != duckdb::ExpressionType::COMPARE_NOT_IN)
          return;
        if (!IsText(*children[0])) return;
        for (size_t i = 1; i < children.size(); ++i) Convert(children[i]);
        return;
      }
      default:
        return;
    }
  }

 private:
  bool IsText(const ParsedExpression& expression) const {
    if (expression.GetExpressionClass() != ExpressionClass::COLUMN_REF) return false;
    bool optional = false;
    const ResultColumn* const origin =
        OriginOf(expression.Cast<duckdb::ColumnRefExpression>(), leaves_, optional);
    return origin != nullptr && origin->type.kind == TypeKind::kText;
  }

  void Convert(duckdb::unique_ptr<ParsedExpression>& operand) const {
    if (operand->GetExpressionClass() == ExpressionClass::CONSTANT) {
      const duckdb::Value& value = operand->Cast<duckdb::ConstantExpression>().value;
      if (!value.IsNull() && value.type().IsNumeric())
        operand = duckdb::make_uniq<duckdb::ConstantExpression>(duckdb::Value(value.ToString()));
    } else if (operand->GetExpressionClass() == ExpressionClass::PARAMETER) {
      const std::string& name = operand->Cast<duckdb::ParameterExpression>().identifier;
      size_t number = 0;
      std::from_chars(name.data(), name.data() + name.size(), number);
      if (number == 0 || number > parameters_.size()) return;
      const Value& value = parameters_[number - 1];
      if (!value.is_null && (value.kind == TypeKind::kBigInt || value.kind == TypeKind::kDouble)) {
        operand = duckdb::make_uniq<duckdb::CastExpression>(duckdb::LogicalType::VARCHAR, std::move(operand));
      }
    }
  }

  const std::vector<Leaf>& leaves_;
  std::span<const Value> parameters_;
};

void CompareNumbersAsText(duckdb::QueryNode& any, const RunRequest& request) {
  if (any.type != duckdb::QueryNodeType::SELECT_NODE) return;
  auto& node = any.Cast<SelectNode>();
  std::vector<Leaf> leaves;
  if (!node.where_clause || !CollectLeaves(*node.from_table, request.sources, false, leaves)) return;
  NumbersAsText(leaves, request.parameters).Walk(*node.where_clause);
}

// Each cell gets its column's type by itself, so that one row's literals cannot change the type of another's.
void CastCells(duckdb::QueryNode& node, size_t columns) {
  auto& values = node.Cast<SelectNode>().from_table->Cast<duckdb::ExpressionListRef>().values;
  for (auto& row : values) {
    for (size_t i = 0; i < row.size() && i < columns; ++i) {
      duckdb::vector<duckdb::unique_ptr<ParsedExpression>> arguments;
      arguments.push_back(std::move(row[i]));
      arguments.push_back(
          duckdb::make_uniq<duckdb::ConstantExpression>(duckdb::Value::UINTEGER(static_cast<uint32_t>(i))));
      row[i] = duckdb::make_uniq<duckdb::FunctionExpression>(kWriteFunction, std::move(arguments));
    }
  }
}

}  // namespace

duckdb::unique_ptr<duckdb::SQLStatement> MakeTree(const Statement& statement, const RunRequest& request) {
  auto select =
      duckdb::unique_ptr_cast<duckdb::SQLStatement, duckdb::SelectStatement>(statement.parts.select->Copy());
  if (request.form == RunForm::kQuery && statement.parts.inner_kind == StatementKind::kSelect) {
    if (request.default_order) AddDefaultOrder(MainQuery(*select->node), request.sources);
    if (request.row_limit) AddLimit(MainQuery(*select->node), *request.row_limit);
  }
  if (request.form == RunForm::kInsertedRows && statement.parts.values_insert)
    CastCells(*select->node, request.cast_to.size());
  CompareNumbersAsText(MainQuery(*select->node), request);
  const auto add = [&](std::string_view name) {
    select->named_param_map.emplace(std::string(name), select->named_param_map.size() + 1);
  };
  select->named_param_map.clear();
  for (const uint32_t number : statement.parts.found.parameters) add(std::to_string(number));
  if (statement.parts.found.hidden.now) add(kNowParameter);
  if (statement.parts.found.hidden.user) add(kUserParameter);
  if (statement.parts.found.hidden.role) add(kRoleParameter);
  if (statement.parts.kind != StatementKind::kExplain) return select;
  auto parameters = select->named_param_map;
  auto explain = duckdb::make_uniq<duckdb::ExplainStatement>(std::move(select), statement.parts.explain_type);
  explain->named_param_map = std::move(parameters);
  return explain;
}

std::vector<const ResultColumn*> Origins(const Statement& statement, Sources sources) {
  if (statement.parts.kind == StatementKind::kExplain) return {};
  const auto shown = ShownBy(MainQuery(*statement.parts.select->node), sources);
  if (!shown) return {};
  std::vector<const ResultColumn*> out;
  for (const Shown& column : *shown) out.push_back(column.origin);
  return out;
}

}  // namespace kalam::engine
