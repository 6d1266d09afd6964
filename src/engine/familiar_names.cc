#include "engine/familiar_names.h"

#include <algorithm>
#include <array>
#include <string>

#include "duckdb/common/string_util.hpp"
#include "duckdb/parser/expression/list.hpp"
#include "duckdb/parser/parsed_expression_iterator.hpp"
#include "engine/allowed_functions.h"
#include "engine/parser_text.h"

namespace kalam::engine {
namespace {

using duckdb::ExpressionClass;
using duckdb::ExpressionType;
using ExpressionPtr = duckdb::unique_ptr<duckdb::ParsedExpression>;

// What the parser makes of ~ and SIMILAR TO.
constexpr const char* kFullMatch = "regexp_full_match";
constexpr const char* kFound = "regexp_matches";
constexpr const char* kArrow = "->";
constexpr const char* kHasKey = "?";

bool WrittenAt(const duckdb::ParsedExpression& expression, std::string_view text, std::string_view sign) {
  const duckdb::optional_idx at = expression.GetQueryLocation();
  return at.IsValid() && at.GetIndex() < text.size() && text.substr(at.GetIndex()).starts_with(sign);
}

// The parser writes main.date_part() for EXTRACT and its like, and clients of PostgreSQL
// pg_catalog.version().
void DropSchema(duckdb::FunctionExpression& function) {
  if (function.catalog.empty() && (function.schema == DEFAULT_SCHEMA || function.schema == "pg_catalog"))
    function.schema.clear();
}

bool Function(ExpressionPtr& expression, std::string_view text) {
  auto& function = expression->Cast<duckdb::FunctionExpression>();
  DropSchema(function);
  const std::string name = duckdb::StringUtil::Lower(function.function_name);
  const bool two = function.children.size() == 2;
  std::string ours;
  if (two && name == kFullMatch && WrittenAt(function, text, "~")) {
    ours = kFound;
  } else if (two && (name == "~*" || name == "!~*")) {
    function.children.push_back(duckdb::make_uniq<duckdb::ConstantExpression>(duckdb::Value("i")));
    ours = kFound;
  } else if (two && (name == kWrittenHasKey || name == kHasKey)) {
    ours = "json_contains";
  } else if (two && name == kWrittenArrow) {
    ours = kArrow;
  } else if (name == "first_value" || name == "last_value") {
    ours = name.substr(0, name.find('_'));
  } else {
    ours = KnownName(name);
    if (ours == name) return false;
  }
  function.function_name = std::move(ours);
  function.is_operator = false;
  if (name != "!~*") return true;
  ExpressionPtr found = std::move(expression);
  expression = duckdb::make_uniq<duckdb::OperatorExpression>(ExpressionType::OPERATOR_NOT, std::move(found));
  expression->SetAlias(expression->Cast<duckdb::OperatorExpression>().children[0]->GetAlias());
  return true;
}

// Of !~ the parser notes the place at the NOT around the call.
bool Not(duckdb::OperatorExpression& op, std::string_view text) {
  if (op.GetExpressionType() != ExpressionType::OPERATOR_NOT || op.children.size() != 1 ||
      op.children[0]->GetExpressionClass() != ExpressionClass::FUNCTION || !WrittenAt(op, text, "!~")) {
    return false;
  }
  auto& function = op.children[0]->Cast<duckdb::FunctionExpression>();
  if (function.function_name != kFullMatch || function.GetQueryLocation().IsValid()) return false;
  function.function_name = kFound;
  return true;
}

// An arrow that parser_text.h left alone, and that is no lambda either.
bool Arrow(ExpressionPtr& expression) {
  auto& lambda = expression->Cast<duckdb::LambdaExpression>();
  if (lambda.syntax_type == duckdb::LambdaSyntaxType::LAMBDA_KEYWORD || !lambda.lhs || !lambda.expr)
    return false;
  duckdb::vector<ExpressionPtr> sides;
  sides.push_back(std::move(lambda.lhs));
  sides.push_back(std::move(lambda.expr));
  auto arrow = duckdb::make_uniq<duckdb::FunctionExpression>(kArrow, std::move(sides));
  arrow->SetAlias(expression->GetAlias());
  arrow->SetQueryLocation(expression->GetQueryLocation());
  expression = std::move(arrow);
  return true;
}

// The parser makes CAST('t' AS BOOLEAN) of TRUE.
bool Truth(ExpressionPtr& expression) {
  if (expression->GetExpressionClass() != ExpressionClass::CAST) return false;
  const auto& cast = expression->Cast<duckdb::CastExpression>();
  if (cast.try_cast || cast.cast_type != duckdb::LogicalType::BOOLEAN ||
      cast.child->GetExpressionClass() != ExpressionClass::CONSTANT) {
    return false;
  }
  const duckdb::Value& value = cast.child->Cast<duckdb::ConstantExpression>().value;
  const std::string text = value.type() == duckdb::LogicalType::VARCHAR ? value.ToString() : std::string();
  if (text != "t" && text != "f") return false;
  auto truth = duckdb::make_uniq<duckdb::ConstantExpression>(duckdb::Value::BOOLEAN(text == "t"));
  truth->SetAlias(expression->GetAlias());
  expression = std::move(truth);
  return true;
}

}  // namespace

bool UseOurName(ExpressionPtr& expression, std::string_view text) {
  switch (expression->GetExpressionClass()) {
    case ExpressionClass::FUNCTION:
      return Function(expression, text);
    case ExpressionClass::LAMBDA:
      return Arrow(expression);
    case ExpressionClass::CAST:
      return Truth(expression);
    case ExpressionClass::OPERATOR:
      return Not(expression->Cast<duckdb::OperatorExpression>(), text);
    default:
      return false;
  }
}

void ShowAsWritten(ExpressionPtr& expression) {
  if (expression->GetExpressionClass() == ExpressionClass::FUNCTION) {
    auto& function = expression->Cast<duckdb::FunctionExpression>();
    if (function.is_operator && function.children.size() == 2) {
      if (function.function_name == kWrittenArrow) function.function_name = kArrow;
      if (function.function_name == kWrittenHasKey) function.function_name = kHasKey;
    }
    DropSchema(function);
  } else if (Truth(expression)) {
    return;
  }
  duckdb::ParsedExpressionIterator::EnumerateChildren(*expression, [](ExpressionPtr& child) {
    if (child) ShowAsWritten(child);
  });
}

std::string PostfixOperator(std::string_view lower_name) {
  constexpr std::string_view kEnd = "__postfix";
  if (!lower_name.ends_with(kEnd)) return {};
  lower_name.remove_suffix(kEnd.size());
  if (lower_name == kWrittenArrow) return kArrow;
  if (lower_name == kWrittenHasKey) return kHasKey;
  return std::string(lower_name);
}

bool TakesLambda(std::string_view lower_name) {
  constexpr auto kNames = std::to_array<std::string_view>(
      {"apply", "array_apply", "array_filter", "array_reduce", "array_transform", "filter", "list_apply",
       "list_filter", "list_reduce", "list_transform", "reduce"});
  return std::ranges::binary_search(kNames, lower_name);
}

}  // namespace kalam::engine
