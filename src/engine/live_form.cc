#include "engine/live_form.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "duckdb/common/string_util.hpp"
#include "duckdb/parser/expression/list.hpp"
#include "duckdb/parser/parsed_expression_iterator.hpp"
#include "duckdb/parser/query_node/select_node.hpp"
#include "engine/simple_forms.h"
#include "engine/tree.h"

namespace kalam::engine {
namespace {

using duckdb::ExpressionClass;
using duckdb::ExpressionType;
using duckdb::ParsedExpression;
using duckdb::StringUtil;

constexpr std::string_view kOnly = "Only SELECT ... FROM ... [WHERE ...] is supported.";

std::unexpected<Error> Refuse(std::string message) {
  return Fail(ErrorCode::kInvalidSql, std::move(message));
}

std::unexpected<Error> RefuseClause(std::string_view clause) {
  return Refuse(fmt::format("Subscription query does not support {}. {}", clause, kOnly));
}

// The column's name when the expression is nothing but a column of the only table.
std::optional<std::string> ColumnName(const ParsedExpression& expression) {
  if (expression.GetExpressionClass() != ExpressionClass::COLUMN_REF) return std::nullopt;
  return StringUtil::Lower(expression.Cast<duckdb::ColumnRefExpression>().GetColumnName());
}

bool IsPlainStar(const ParsedExpression& expression) {
  if (expression.GetExpressionClass() != ExpressionClass::STAR) return false;
  const auto& star = expression.Cast<duckdb::StarExpression>();
  return !star.columns && !star.expr && star.exclude_list.empty() && star.replace_list.empty() &&
         star.rename_list.empty();
}

// --- the condition

std::optional<OwnedValue> Constant(const ParsedExpression& expression) {
  if (expression.GetExpressionClass() == ExpressionClass::CAST) {  // TRUE and FALSE
    const auto& cast = expression.Cast<duckdb::CastExpression>();
    if (cast.try_cast || cast.cast_type.id() != duckdb::LogicalTypeId::BOOLEAN ||
        cast.child->GetExpressionClass() != ExpressionClass::CONSTANT) {
      return std::nullopt;
    }
    const std::string word = cast.child->Cast<duckdb::ConstantExpression>().value.ToString();
    if (word != "t" && word != "f") return std::nullopt;
    return OwnedValue(Value::Boolean(word == "t"));
  }
  if (expression.GetExpressionClass() != ExpressionClass::CONSTANT) return std::nullopt;
  const duckdb::Value& value = expression.Cast<duckdb::ConstantExpression>().value;
  if (value.IsNull()) return std::nullopt;
  switch (value.type().id()) {
    case duckdb::LogicalTypeId::INTEGER:
    case duckdb::LogicalTypeId::BIGINT:
      return OwnedValue(Value::BigInt(value.GetValue<int64_t>()));
    case duckdb::LogicalTypeId::VARCHAR:
      return OwnedValue(Value::Text(duckdb::StringValue::Get(value)));
    case duckdb::LogicalTypeId::BOOLEAN:
      return OwnedValue(Value::Boolean(value.GetValue<bool>()));
    default:
      return std::nullopt;
  }
}

std::optional<LiveTerm> ComparisonTerm(const duckdb::ComparisonExpression& comparison) {
  ExpressionType type = comparison.GetExpressionType();
  const ParsedExpression* left = comparison.left.get();
  const ParsedExpression* right = comparison.right.get();
  if (!ColumnName(*left)) {
    std::swap(left, right);
    type = duckdb::FlipComparisonExpression(type);
  }
  const auto column = ColumnName(*left);
  const auto op = ToCompareOp(type);
  auto constant = Constant(*right);
  if (!column || !op || !constant) return std::nullopt;
  return LiveTerm{*column, *op, std::move(*constant)};
}

// Adds to `out` what lets rows through: `column = constant`, `column IN (constants)`, and several of them
// joined by OR, all of one column. The engine compares the members of a list as one common type, so the
// constants must be of one kind.
bool AddChoices(const ParsedExpression& expression, LiveChoice& out) {
  const auto add = [&](const std::string& column, OwnedValue constant) {
    if (out.constants.empty()) out.column = column;
    if (column != out.column) return false;
    if (!out.constants.empty() && out.constants[0].view().kind != constant.view().kind) return false;
    out.constants.push_back(std::move(constant));
    return true;
  };
  switch (expression.GetExpressionClass()) {
    case ExpressionClass::CONJUNCTION: {
      if (expression.GetExpressionType() != ExpressionType::CONJUNCTION_OR) return false;
      const auto& children = expression.Cast<duckdb::ConjunctionExpression>().children;
      return std::ranges::all_of(children, [&](const auto& child) { return AddChoices(*child, out); });
    }
    case ExpressionClass::COMPARISON: {
      auto term = ComparisonTerm(expression.Cast<duckdb::ComparisonExpression>());
      return term && term->op == CompareOp::kEqual && add(term->column, std::move(term->constant));
    }
    case ExpressionClass::OPERATOR: {
      if (expression.GetExpressionType() != ExpressionType::COMPARE_IN) return false;
      const auto& children = expression.Cast<duckdb::OperatorExpression>().children;
      const auto column = ColumnName(*children[0]);
      if (!column) return false;
      return std::all_of(children.begin() + 1, children.end(), [&](const auto& child) {
        auto constant = Constant(*child);
        return constant && add(*column, std::move(*constant));
      });
    }
    default:
      return false;
  }
}

bool AddChoice(const ParsedExpression& expression, LiveForm& out) {
  LiveChoice choice;
  if (!AddChoices(expression, choice)) return false;
  out.choices.push_back(std::move(choice));
  return true;
}

// False when a part of the condition is more than a comparison with constants.
bool AddTerms(const ParsedExpression& expression, LiveForm& form) {
  std::vector<LiveTerm>& out = form.terms;
  switch (expression.GetExpressionClass()) {
    case ExpressionClass::CONJUNCTION: {
      if (expression.GetExpressionType() != ExpressionType::CONJUNCTION_AND) {
        return AddChoice(expression, form);
      }
      bool all = true;
      for (const auto& child : expression.Cast<duckdb::ConjunctionExpression>().children) {
        if (!AddTerms(*child, form)) all = false;
      }
      return all;
    }
    case ExpressionClass::COMPARISON: {
      auto term = ComparisonTerm(expression.Cast<duckdb::ComparisonExpression>());
      if (!term) return false;
      out.push_back(std::move(*term));
      return true;
    }
    case ExpressionClass::BETWEEN: {
      const auto& between = expression.Cast<duckdb::BetweenExpression>();
      const auto column = ColumnName(*between.input);
      auto lower = Constant(*between.lower);
      auto upper = Constant(*between.upper);
      if (expression.GetExpressionType() != ExpressionType::COMPARE_BETWEEN || !column || !lower || !upper) {
        return false;
      }
      out.push_back({*column, CompareOp::kGreaterEqual, std::move(*lower)});
      out.push_back({*column, CompareOp::kLessEqual, std::move(*upper)});
      return true;
    }
    case ExpressionClass::OPERATOR: {
      const ExpressionType type = expression.GetExpressionType();
      if (type == ExpressionType::COMPARE_IN) return AddChoice(expression, form);
      const bool is_null = type == ExpressionType::OPERATOR_IS_NULL;
      if (!is_null && type != ExpressionType::OPERATOR_IS_NOT_NULL) return false;
      const auto column = ColumnName(*expression.Cast<duckdb::OperatorExpression>().children[0]);
      if (!column) return false;
      out.push_back({*column, is_null ? CompareOp::kIsNull : CompareOp::kIsNotNull, OwnedValue()});
      return true;
    }
    default:
      return false;
  }
}

size_t CountNodes(const ParsedExpression& expression) {
  size_t count = 1;
  duckdb::ParsedExpressionIterator::EnumerateChildren(
      expression, [&](const ParsedExpression& child) { count += CountNodes(child); });
  return count;
}

// CURRENT_USER() and CURRENT_ROLE() became hidden parameters when the statement was parsed.
void NameCaller(duckdb::unique_ptr<ParsedExpression>& expression, const Principal& principal,
                LiveForm& form) {
  if (expression->GetExpressionClass() == ExpressionClass::PARAMETER) {
    const std::string& name = expression->Cast<duckdb::ParameterExpression>().identifier;
    if (name != kUserParameter && name != kRoleParameter) return;
    form.names_caller = true;
    form.names_role = form.names_role || name == kRoleParameter;
    const std::string text =
        name == kUserParameter ? principal.user_id : std::string(RoleName(principal.role));
    expression = duckdb::make_uniq<duckdb::ConstantExpression>(duckdb::Value(text));
    return;
  }
  duckdb::ParsedExpressionIterator::EnumerateChildren(
      *expression, [&](duckdb::unique_ptr<ParsedExpression>& child) { NameCaller(child, principal, form); });
}

// --- the rest

Status CheckModifiers(const duckdb::SelectNode& node) {
  for (const auto& modifier : node.modifiers) {
    switch (modifier->type) {
      case duckdb::ResultModifierType::ORDER_MODIFIER:
        // Rows are delivered in commit order whatever it says; clients sort.
        for (const auto& order : modifier->Cast<duckdb::OrderModifier>().orders) {
          if (!ColumnName(*order.expression)) return RefuseClause("ORDER BY of expressions");
        }
        break;
      case duckdb::ResultModifierType::DISTINCT_MODIFIER:
        return RefuseClause("DISTINCT");
      default:
        return RefuseClause("LIMIT/OFFSET");
    }
  }
  return {};
}

Result<const duckdb::SelectNode*> NodeOf(const Statement& statement) {
  if (statement.kind() != StatementKind::kSelect) {
    return Refuse("Only SELECT queries are supported for subscriptions");
  }
  const duckdb::QueryNode& node = *statement.parts.select->node;
  if (statement.parts.found.has_cte || !node.cte_map.map.empty()) return RefuseClause("WITH clauses");
  if (node.type != duckdb::QueryNodeType::SELECT_NODE) {
    return Refuse("Subscription query supports only SELECT ... FROM ... [WHERE ...].");
  }
  const auto& select = node.Cast<duckdb::SelectNode>();
  const duckdb::TableRef& from = *select.from_table;
  if (from.type == duckdb::TableReferenceType::JOIN) return RefuseClause("JOIN clauses");
  if (from.type == duckdb::TableReferenceType::SUBQUERY) return RefuseClause("subqueries in FROM");
  if (from.type != duckdb::TableReferenceType::TABLE_FUNCTION || statement.tables().empty()) {
    return Refuse("Subscription query requires exactly one table in the FROM clause.");
  }
  if (statement.tables().size() != 1) return RefuseClause("subqueries");
  if (!select.groups.group_expressions.empty() || !select.groups.grouping_sets.empty() ||
      select.aggregate_handling != duckdb::AggregateHandling::STANDARD_HANDLING) {
    return RefuseClause("GROUP BY");
  }
  if (select.having) return RefuseClause("HAVING");
  if (select.qualify) return RefuseClause("QUALIFY");
  if (select.sample || from.sample) return RefuseClause("SAMPLE");
  if (!statement.parameters().empty()) return RefuseClause("parameters: write the values into the text");
  KALAM_TRY(CheckModifiers(select));
  return &select;
}

}  // namespace

Result<LiveForm> ReadLiveForm(const ParsedStatement& statement, const Principal& principal) {
  const auto& parsed = static_cast<const Statement&>(statement);
  KALAM_ASSIGN(const duckdb::SelectNode* const node, NodeOf(parsed));
  LiveForm form;
  for (const auto& item : node->select_list) {
    if (IsPlainStar(*item)) {
      form.items.push_back({"", ""});
    } else if (item->GetExpressionClass() == ExpressionClass::STAR) {
      return RefuseClause("EXCLUDE, REPLACE, RENAME and COLUMNS() in the list of columns");
    } else if (const auto column = ColumnName(*item)) {
      if (*column == "_seq" || *column == "_deleted") {
        return Refuse("Subscription query cannot project system columns '_seq' or '_deleted'.");
      }
      form.items.push_back({*column, item->HasAlias() ? item->GetAlias() : *column});
    }
  }
  if (form.items.empty()) {
    return Refuse("Subscription query selects no column: a live row consists of columns of its table.");
  }
  if (!node->where_clause) {
    form.complete = true;
    return form;
  }
  if (parsed.mentions_deleted()) {
    return Refuse("Subscription query cannot filter on '_deleted': deleted rows arrive as delete changes.");
  }
  auto where = node->where_clause->Copy();
  NameCaller(where, principal, form);
  form.has_where = true;
  form.nodes = CountNodes(*where);
  form.complete = AddTerms(*where, form);
  form.condition = where->ToString();
  return form;
}

}  // namespace kalam::engine
