#include "engine/allow_walk.h"

#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <set>
#include <utility>

#include "duckdb/common/string_util.hpp"
#include "duckdb/parser/expression/list.hpp"
#include "duckdb/parser/parsed_data/sample_options.hpp"
#include "duckdb/parser/query_node/list.hpp"
#include "duckdb/parser/tableref/list.hpp"
#include "engine/allowed_functions.h"
#include "engine/bytes_literal.h"
#include "engine/familiar_names.h"
#include "engine/read_text.h"
#include "engine/translate.h"

namespace kalam::engine {
namespace {

using duckdb::ExpressionClass;
using duckdb::ExpressionType;
using duckdb::ParsedExpression;
using duckdb::QueryNode;
using duckdb::StringUtil;
using duckdb::TableRef;
using ExpressionPtr = duckdb::unique_ptr<ParsedExpression>;
using NodePtr = duckdb::unique_ptr<QueryNode>;
using TableRefPtr = duckdb::unique_ptr<TableRef>;

constexpr uint32_t kParameterMax = 65'535;
// Planning time explodes with these (seconds at 64 joins or 900 CTEs), and nothing interrupts it.
constexpr size_t kJoinsMax = 40;  // of one FROM
constexpr size_t kCtesMax = 250;
// Views that join views grow with a power of the levels.
constexpr size_t kViewTablesMax = 64;
constexpr size_t kViewDepthMax = 16;

constexpr const char* kCurrentSchema = "current_schema";
constexpr const char* kNoCurrentSchema =
    "current_schema is not available: it is the namespace_id of the request, or what USE named";

std::unexpected<Error> Refuse(std::string message) {
  return Fail(ErrorCode::kInvalidSql, std::move(message));
}

// The names of the common table expressions that a part of the query can see, innermost last.
class Scope {
 public:
  explicit Scope(const Scope* outer) : outer_(outer) {}
  void Add(const std::string& name, std::string unique) {
    names_[StringUtil::Lower(name)] = std::move(unique);
  }
  const std::string* Find(const std::string& name) const {
    const std::string lower = StringUtil::Lower(name);
    for (const Scope* scope = this; scope != nullptr; scope = scope->outer_) {
      if (auto it = scope->names_.find(lower); it != scope->names_.end()) return &it->second;
    }
    return nullptr;
  }

 private:
  const Scope* outer_;
  std::map<std::string, std::string> names_;
};

enum class ContextValue : uint8_t { kNone, kTimestamp, kDate, kTime, kUser, kRole };

// Functions (with or without parentheses) whose value is a fact of the running statement.
ContextValue ContextValueOf(const std::string& lower_name, bool called) {
  if (lower_name == "current_timestamp" || lower_name == "localtimestamp") return ContextValue::kTimestamp;
  if (lower_name == "current_date") return ContextValue::kDate;
  if (lower_name == "current_time" || lower_name == "localtime") return ContextValue::kTime;
  if (lower_name == "current_user" || lower_name == "session_user" || lower_name == "current_user_id")
    return ContextValue::kUser;
  if (lower_name == "current_role") return ContextValue::kRole;
  if (!called) return ContextValue::kNone;
  if (lower_name == "now" || lower_name == "get_current_timestamp" || lower_name == "transaction_timestamp" ||
      lower_name == "current_localtimestamp") {
    return ContextValue::kTimestamp;
  }
  if (lower_name == "today") return ContextValue::kDate;
  if (lower_name == "get_current_time" || lower_name == "current_localtime") return ContextValue::kTime;
  return ContextValue::kNone;
}

bool TakesNoArguments(const std::string& lower_name) {
  return lower_name == "snowflake_id" || lower_name == "uuid_v7" || lower_name == "ulid" ||
         ContextValueOf(lower_name, true) != ContextValue::kNone;
}

ExpressionPtr Hidden(std::string_view name, const duckdb::LogicalType& type) {
  auto parameter = duckdb::make_uniq<duckdb::ParameterExpression>();
  parameter->identifier = std::string(name);
  return duckdb::make_uniq<duckdb::CastExpression>(type, std::move(parameter));
}

class Walker {
 public:
  Walker(WalkFindings& findings, std::string_view text, const ViewFinder& views)
      : found_(findings), text_(text), views_(views) {}

  Status Node(NodePtr& node, const Scope& outer);

 private:
  struct Cte {
    std::string name;
    duckdb::unique_ptr<duckdb::CommonTableExpressionInfo> info;
    bool recursive;
  };
  Status Select(duckdb::SelectNode& node, const Scope& scope);
  Status Ctes(duckdb::CommonTableExpressionMap& map, Scope& scope, std::vector<Cte>& out);
  static void AddCtes(NodePtr& node, std::vector<Cte>& ctes);
  Status Modifiers(QueryNode& node, const Scope& scope);
  Status Orders(duckdb::vector<duckdb::OrderByNode>& orders, const Scope& scope);
  Status SelectItem(ExpressionPtr& item, const Scope& scope);
  Status From(TableRefPtr& ref, const Scope& scope);
  Status BaseTable(TableRefPtr& ref, const Scope& scope);
  Status View(TableRefPtr& ref, TableName name, const ViewText& view);
  Status Join(duckdb::JoinRef& join, const Scope& scope);
  Status TableFunction(duckdb::TableFunctionRef& ref, const Scope& scope);
  Status Sample(const duckdb::SampleOptions* sample);

  Status Filter(ExpressionPtr& expression, const Scope& scope);
  Status Optional(ExpressionPtr& expression, const Scope& scope) {
    return expression ? Expression(expression, scope) : Status();
  }
  Status All(duckdb::vector<ExpressionPtr>& expressions, const Scope& scope);
  Status Expression(ExpressionPtr& expression, const Scope& scope);
  Status ColumnRef(ExpressionPtr& expression);
  Status Function(ExpressionPtr& expression, const Scope& scope);
  Status Lambda(duckdb::LambdaExpression& lambda, const Scope& scope);
  Status Window(duckdb::WindowExpression& window, const Scope& scope);
  Status Star(duckdb::StarExpression& star, const Scope& scope);
  Status Operator(duckdb::OperatorExpression& op, const Scope& scope);
  Status Case(duckdb::CaseExpression& expression, const Scope& scope);
  Status Between(duckdb::BetweenExpression& expression, const Scope& scope);
  Status Subquery(duckdb::SubqueryExpression& subquery, const Scope& scope);
  Status Parameter(const duckdb::ParameterExpression& parameter);
  void Replace(ExpressionPtr& expression, ContextValue value);

  WalkFindings& found_;
  std::string_view text_;  // what the tree at hand was parsed from
  const ViewFinder& views_;
  std::vector<TableName> named_views_;
  const std::string* view_namespace_ = nullptr;  // inside a view: of names without one
  size_t view_depth_ = 0;
  size_t view_tables_ = 0;
  std::set<uint32_t> parameters_;
  size_t cte_count_ = 0;
  size_t joins_ = 0;     // in the FROM at hand
  size_t rewrites_ = 0;  // in expressions, so that the name of a result column can be kept
  bool in_filter_ = false;
};

Status Walker::Node(NodePtr& node, const Scope& outer) {
  // The parser wraps a query into one CTE_NODE for each of its CTEs and keeps copies of their bodies
  // everywhere. Only the copy at the query itself is walked; the others are dropped here and made anew below.
  while (node->type == duckdb::QueryNodeType::CTE_NODE) {
    NodePtr child = std::move(node->Cast<duckdb::CTENode>().child);
    node = std::move(child);
  }
  Scope scope(&outer);
  std::vector<Cte> ctes;
  KALAM_TRY(Ctes(node->cte_map, scope, ctes));
  node->cte_map = duckdb::CommonTableExpressionMap();
  switch (node->type) {
    case duckdb::QueryNodeType::SELECT_NODE:
      KALAM_TRY(Select(node->Cast<duckdb::SelectNode>(), scope));
      break;
    case duckdb::QueryNodeType::SET_OPERATION_NODE: {
      auto& set = node->Cast<duckdb::SetOperationNode>();
      KALAM_TRY(Node(set.left, scope));
      KALAM_TRY(Node(set.right, scope));
      break;
    }
    case duckdb::QueryNodeType::RECURSIVE_CTE_NODE: {
      // Its name is in the scope already.
      auto& recursive = node->Cast<duckdb::RecursiveCTENode>();
      if (!recursive.key_targets.empty()) return Refuse("USING KEY is not supported in a recursive query");
      KALAM_TRY(Node(recursive.left, scope));
      KALAM_TRY(Node(recursive.right, scope));
      break;
    }
    default:
      return Refuse("This form of query is not supported");
  }
  KALAM_TRY(Modifiers(*node, scope));
  AddCtes(node, ctes);
  return {};
}

Status Walker::Ctes(duckdb::CommonTableExpressionMap& map, Scope& scope, std::vector<Cte>& out) {
  for (auto& [name, info] : map.map) {
    found_.has_cte = true;
    if (cte_count_ == kCtesMax) {
      return Fail(ErrorCode::kLimitExceeded,
                  fmt::format("A statement can have at most {} WITH queries", kCtesMax));
    }
    if (!info->key_targets.empty()) return Refuse("USING KEY is not supported in a recursive query");
    // '#' cannot be part of a name that DuckDB's catalog knows; the number keeps shadowed names apart.
    std::string unique = fmt::format("{}#{}", name, ++cte_count_);
    NodePtr& body = info->query->node;
    duckdb::QueryNode& main = MainQuery(*body);
    const bool recursive = main.type == duckdb::QueryNodeType::RECURSIVE_CTE_NODE;
    if (recursive) {
      main.Cast<duckdb::RecursiveCTENode>().ctename = unique;
      scope.Add(name, unique);
    }
    KALAM_TRY(Node(body, scope));
    if (!recursive) scope.Add(name, unique);
    out.push_back({std::move(unique), std::move(info), recursive});
  }
  return {};
}

// A query that is never bound, but whose kind the binder looks at.
duckdb::unique_ptr<duckdb::CommonTableExpressionInfo> Declaration(bool recursive,
                                                                  duckdb::CTEMaterialize materialized) {
  auto info = duckdb::make_uniq<duckdb::CommonTableExpressionInfo>();
  info->query = duckdb::make_uniq<duckdb::SelectStatement>();
  info->materialized = materialized;
  if (!recursive) {
    info->query->node = duckdb::make_uniq<duckdb::SelectNode>();
    return info;
  }
  auto node = duckdb::make_uniq<duckdb::RecursiveCTENode>();
  node->union_all = true;
  node->left = duckdb::make_uniq<duckdb::SelectNode>();
  node->right = duckdb::make_uniq<duckdb::SelectNode>();
  info->query->node = std::move(node);
  return info;
}

// The form that the binder wants: a chain of CTE nodes around the query, first one outside, which declares
// all names.
void Walker::AddCtes(NodePtr& node, std::vector<Cte>& ctes) {
  if (ctes.empty()) return;
  duckdb::CommonTableExpressionMap names;
  for (const Cte& cte : ctes) names.map.insert(cte.name, Declaration(cte.recursive, cte.info->materialized));
  for (size_t i = ctes.size(); i-- > 0;) {
    auto outer = duckdb::make_uniq<duckdb::CTENode>();
    outer->ctename = ctes[i].name;
    outer->query = std::move(ctes[i].info->query->node);
    outer->aliases = ctes[i].info->aliases;
    outer->materialized = ctes[i].info->materialized;
    outer->child = std::move(node);
    if (i == 0) outer->cte_map = std::move(names);
    node = std::move(outer);
  }
}

Status Walker::Select(duckdb::SelectNode& node, const Scope& scope) {
  // FROM first: column references are shortened against the tables seen so far.
  const size_t outer_joins = std::exchange(joins_, 0);
  if (node.from_table) KALAM_TRY(From(node.from_table, scope));
  joins_ = outer_joins;
  KALAM_TRY(Sample(node.sample.get()));
  for (ExpressionPtr& item : node.select_list) KALAM_TRY(SelectItem(item, scope));
  KALAM_TRY(Filter(node.where_clause, scope));
  KALAM_TRY(All(node.groups.group_expressions, scope));
  KALAM_TRY(Filter(node.having, scope));
  return Filter(node.qualify, scope);
}

Status Walker::SelectItem(ExpressionPtr& item, const Scope& scope) {
  const ExpressionClass kind = item->GetExpressionClass();
  const bool plain = kind == ExpressionClass::CONSTANT || kind == ExpressionClass::STAR;
  std::string name;
  ShowAsWritten(item);
  if (!plain && item->GetAlias().empty()) name = item->GetName();
  if (name.find("count_star()") != std::string::npos) {
    name = StringUtil::Replace(name, "count_star()", "count(*)");
    item->SetAlias(name);
  }
  const size_t before = rewrites_;
  KALAM_TRY(Expression(item, scope));
  // The result column is called after what the user wrote, not after what it was replaced by.
  if (rewrites_ != before && !name.empty()) item->SetAlias(std::move(name));
  return {};
}

Status Walker::Modifiers(QueryNode& node, const Scope& scope) {
  for (auto& modifier : node.modifiers) {
    switch (modifier->type) {
      case duckdb::ResultModifierType::LIMIT_MODIFIER: {
        auto& limit = modifier->Cast<duckdb::LimitModifier>();
        KALAM_TRY(Optional(limit.limit, scope));
        KALAM_TRY(Optional(limit.offset, scope));
        break;
      }
      case duckdb::ResultModifierType::LIMIT_PERCENT_MODIFIER: {
        auto& limit = modifier->Cast<duckdb::LimitPercentModifier>();
        KALAM_TRY(Optional(limit.limit, scope));
        KALAM_TRY(Optional(limit.offset, scope));
        break;
      }
      case duckdb::ResultModifierType::ORDER_MODIFIER:
        KALAM_TRY(Orders(modifier->Cast<duckdb::OrderModifier>().orders, scope));
        break;
      case duckdb::ResultModifierType::DISTINCT_MODIFIER:
        KALAM_TRY(All(modifier->Cast<duckdb::DistinctModifier>().distinct_on_targets, scope));
        break;
      default:
        return Refuse("This clause is not supported");
    }
  }
  return {};
}

Status Walker::Orders(duckdb::vector<duckdb::OrderByNode>& orders, const Scope& scope) {
  for (auto& order : orders) KALAM_TRY(Expression(order.expression, scope));
  return {};
}

Status Walker::Sample(const duckdb::SampleOptions*) { return {}; }  // holds numbers only

Status Walker::From(TableRefPtr& ref, const Scope& scope) {
  KALAM_TRY(Sample(ref->sample.get()));
  switch (ref->type) {
    case duckdb::TableReferenceType::BASE_TABLE:
      return BaseTable(ref, scope);
    case duckdb::TableReferenceType::SUBQUERY:
      return Node(ref->Cast<duckdb::SubqueryRef>().subquery->node, scope);
    case duckdb::TableReferenceType::JOIN:
      return Join(ref->Cast<duckdb::JoinRef>(), scope);
    case duckdb::TableReferenceType::TABLE_FUNCTION:
      return TableFunction(ref->Cast<duckdb::TableFunctionRef>(), scope);
    case duckdb::TableReferenceType::EMPTY_FROM:
      return {};
    case duckdb::TableReferenceType::EXPRESSION_LIST:
      for (auto& row : ref->Cast<duckdb::ExpressionListRef>().values) KALAM_TRY(All(row, scope));
      return {};
    case duckdb::TableReferenceType::SHOW_REF:
      return Refuse("DESCRIBE, SHOW and SUMMARIZE are not supported inside a query");
    case duckdb::TableReferenceType::PIVOT:
      return Fail(ErrorCode::kUnsupported, "PIVOT and UNPIVOT are not supported");
    default:
      return Refuse("This form of table reference is not supported");
  }
}

Status Walker::BaseTable(TableRefPtr& ref, const Scope& scope) {
  auto& base = ref->Cast<duckdb::BaseTableRef>();
  if (base.at_clause) return Refuse("AT (VERSION | TIMESTAMP) is not supported");
  if (base.catalog_name.empty() && base.schema_name.empty()) {
    if (const std::string* unique = scope.Find(base.table_name)) {
      if (base.alias.empty()) base.alias = base.table_name;
      base.table_name = *unique;
      return {};
    }
  }
  KALAM_ASSIGN(TableName name, ToTableName(base.catalog_name, base.schema_name, base.table_name));
  if (view_namespace_ != nullptr) {
    if (name.ns.empty()) name.ns = *view_namespace_;
    if (++view_tables_ > kViewTablesMax) {
      return Fail(ErrorCode::kLimitExceeded,
                  fmt::format("A statement can read at most {} tables through views", kViewTablesMax));
    }
  }
  if (views_) {
    if (const std::optional<ViewText> view = views_(name)) return View(ref, std::move(name), *view);
  }
  const size_t slot = found_.tables.size();
  found_.tables.push_back(std::move(name));
  ref = MakeScan(slot, base, base.table_name);
  ++rewrites_;
  return {};
}

// SELECT source AS name, ... FROM (query): columns that came to a table after the view was made do not show.
duckdb::unique_ptr<duckdb::SelectStatement> Pinned(
    duckdb::unique_ptr<duckdb::SelectStatement> query,
    const std::vector<std::pair<std::string, std::string>>& columns) {
  auto node = duckdb::make_uniq<duckdb::SelectNode>();
  for (const auto& [source, name] : columns) {
    auto column = duckdb::make_uniq<duckdb::ColumnRefExpression>(source);
    column->SetAlias(name);
    node->select_list.push_back(std::move(column));
  }
  node->from_table = duckdb::make_uniq<duckdb::SubqueryRef>(std::move(query));
  auto select = duckdb::make_uniq<duckdb::SelectStatement>();
  select->node = std::move(node);
  return select;
}

Status Walker::View(TableRefPtr& ref, TableName name, const ViewText& view) {
  if (view_depth_ == kViewDepthMax) {
    return Fail(
        ErrorCode::kLimitExceeded,
        fmt::format("View '{}' reads views of views in more than {} levels", name.table, kViewDepthMax));
  }
  ReadText read = Read(view.query);
  if (read.statements.size() != 1 || read.statements[0]->type != duckdb::StatementType::SELECT_STATEMENT)
    return Refuse(fmt::format("View '{}' is not one SELECT", name.table));
  auto query =
      duckdb::unique_ptr_cast<duckdb::SQLStatement, duckdb::SelectStatement>(std::move(read.statements[0]));
  // Nothing of the statement around it can be seen by the view.
  const std::string* outer_namespace = std::exchange(view_namespace_, &view.name_space);
  const std::string_view outer_text = std::exchange(text_, read.text);
  const bool outer_filter = std::exchange(in_filter_, false);
  const size_t outer_joins = std::exchange(joins_, 0);
  ++view_depth_;
  const Scope outermost(nullptr);
  const Status walked = Node(query->node, outermost);
  --view_depth_;
  joins_ = outer_joins;
  in_filter_ = outer_filter;
  view_namespace_ = outer_namespace;
  text_ = outer_text;
  KALAM_TRY(walked);
  if (!view.columns.empty()) query = Pinned(std::move(query), view.columns);
  const auto& base = ref->Cast<duckdb::BaseTableRef>();
  auto shown = duckdb::make_uniq<duckdb::SubqueryRef>(std::move(query),
                                                      base.alias.empty() ? base.table_name : base.alias);
  shown->column_name_alias = base.column_name_alias;
  if (base.sample) shown->sample = base.sample->Copy();
  ref = std::move(shown);
  found_.has_view = true;
  named_views_.push_back(std::move(name));
  return {};
}

Status Walker::Join(duckdb::JoinRef& join, const Scope& scope) {
  if (++joins_ > kJoinsMax) {
    return Fail(ErrorCode::kLimitExceeded, fmt::format("A query can join at most {} tables", kJoinsMax + 1));
  }
  KALAM_TRY(From(join.left, scope));
  KALAM_TRY(From(join.right, scope));
  if (!join.duplicate_eliminated_columns.empty()) return Refuse("This form of join is not supported");
  return Filter(join.condition, scope);
}

Status Walker::TableFunction(duckdb::TableFunctionRef& ref, const Scope& scope) {
  if (!ref.function || ref.function->GetExpressionClass() != ExpressionClass::FUNCTION) {
    return Refuse("Only a function call can stand here in FROM");
  }
  auto& function = ref.function->Cast<duckdb::FunctionExpression>();
  const std::string name = StringUtil::Lower(function.function_name);
  if (!function.schema.empty() || !function.catalog.empty() || !IsAllowedTableFunction(name)) {
    return Refuse(fmt::format("Table function '{}' is not available", name));
  }
  if (ref.subquery) KALAM_TRY(Node(ref.subquery->node, scope));
  return All(function.children, scope);
}

Status Walker::Filter(ExpressionPtr& expression, const Scope& scope) {
  if (!expression) return {};
  const bool outer = std::exchange(in_filter_, true);
  Status status = Expression(expression, scope);
  in_filter_ = outer;
  return status;
}

Status Walker::All(duckdb::vector<ExpressionPtr>& expressions, const Scope& scope) {
  for (ExpressionPtr& expression : expressions) KALAM_TRY(Expression(expression, scope));
  return {};
}

Status Walker::Expression(ExpressionPtr& expression, const Scope& scope) {
  if (UseOurName(expression, text_)) ++rewrites_;
  switch (expression->GetExpressionClass()) {
    case ExpressionClass::CONSTANT:
      return ReadBytesLiteral(expression->Cast<duckdb::ConstantExpression>(), text_);
    case ExpressionClass::COLUMN_REF:
      return ColumnRef(expression);
    case ExpressionClass::FUNCTION:
      return Function(expression, scope);
    case ExpressionClass::PARAMETER:
      return Parameter(expression->Cast<duckdb::ParameterExpression>());
    case ExpressionClass::SUBQUERY:
      return Subquery(expression->Cast<duckdb::SubqueryExpression>(), scope);
    case ExpressionClass::WINDOW:
      return Window(expression->Cast<duckdb::WindowExpression>(), scope);
    case ExpressionClass::STAR:
      return Star(expression->Cast<duckdb::StarExpression>(), scope);
    case ExpressionClass::OPERATOR:
      return Operator(expression->Cast<duckdb::OperatorExpression>(), scope);
    case ExpressionClass::CASE:
      return Case(expression->Cast<duckdb::CaseExpression>(), scope);
    case ExpressionClass::BETWEEN:
      return Between(expression->Cast<duckdb::BetweenExpression>(), scope);
    case ExpressionClass::CAST: {
      auto& cast = expression->Cast<duckdb::CastExpression>();
      KALAM_ASSIGN(cast.cast_type, ResolveType(cast.cast_type));
      return Expression(cast.child, scope);
    }
    case ExpressionClass::COMPARISON: {
      auto& comparison = expression->Cast<duckdb::ComparisonExpression>();
      KALAM_TRY(Expression(comparison.left, scope));
      return Expression(comparison.right, scope);
    }
    case ExpressionClass::CONJUNCTION:
      return All(expression->Cast<duckdb::ConjunctionExpression>().children, scope);
    case ExpressionClass::COLLATE:
      return Expression(expression->Cast<duckdb::CollateExpression>().child, scope);
    case ExpressionClass::LAMBDA:
      return Lambda(expression->Cast<duckdb::LambdaExpression>(), scope);
    case ExpressionClass::DEFAULT:
      found_.has_default = true;
      return {};
    case ExpressionClass::POSITIONAL_REFERENCE:
      return Refuse("Positional references (#1) are not supported");
    default:
      return Refuse("This form of expression is not supported");
  }
}

Status Walker::ColumnRef(ExpressionPtr& expression) {
  auto& names = expression->Cast<duckdb::ColumnRefExpression>().column_names;
  const std::string column = StringUtil::Lower(names.back());
  if (in_filter_ && column == "_deleted") found_.mentions_deleted = true;
  if (names.size() == 1) {
    if (column == kCurrentSchema) return Refuse(kNoCurrentSchema);
    if (column == "current_catalog") {
      expression = duckdb::make_uniq<duckdb::ConstantExpression>(duckdb::Value("kalam"));
      ++rewrites_;
      return {};
    }
    if (const ContextValue value = ContextValueOf(column, false); value != ContextValue::kNone)
      Replace(expression, value);
    return {};
  }
  if (names.size() < 3) return {};
  // DuckDB knows a scanned table by its last name only.
  const size_t first = StringUtil::Lower(names[0]) == "kalam" && names.size() > 3 ? 1 : 0;
  const TableName written{StringUtil::Lower(names[first]), StringUtil::Lower(names[first + 1])};
  if (std::ranges::find(found_.tables, written) != found_.tables.end() ||
      std::ranges::find(named_views_, written) != named_views_.end()) {
    names.erase(names.begin(), names.begin() + static_cast<std::ptrdiff_t>(first + 1));
    ++rewrites_;
  }
  return {};
}

void Walker::Replace(ExpressionPtr& expression, ContextValue value) {
  ++rewrites_;
  // An alias inside a select list stays.
  const std::string alias = expression->GetAlias();
  switch (value) {
    case ContextValue::kNone:
      return;
    case ContextValue::kTimestamp:
    case ContextValue::kDate:
    case ContextValue::kTime:
      found_.hidden.now = true;
      expression = Hidden(kNowParameter, duckdb::LogicalType::TIMESTAMP);
      if (value == ContextValue::kDate) {
        expression =
            duckdb::make_uniq<duckdb::CastExpression>(duckdb::LogicalType::DATE, std::move(expression));
      } else if (value == ContextValue::kTime) {
        expression =
            duckdb::make_uniq<duckdb::CastExpression>(duckdb::LogicalType::TIME, std::move(expression));
      }
      break;
    case ContextValue::kUser:
      found_.hidden.user = true;
      expression = Hidden(kUserParameter, duckdb::LogicalType::VARCHAR);
      break;
    case ContextValue::kRole:
      found_.hidden.role = true;
      expression = Hidden(kRoleParameter, duckdb::LogicalType::VARCHAR);
      break;
  }
  expression->SetAlias(alias);
}

Status Walker::Lambda(duckdb::LambdaExpression& lambda, const Scope& scope) {
  if (lambda.lhs) KALAM_TRY(Expression(lambda.lhs, scope));
  return Optional(lambda.expr, scope);
}

Status Walker::Function(ExpressionPtr& expression, const Scope& scope) {
  auto& function = expression->Cast<duckdb::FunctionExpression>();
  const std::string name = StringUtil::Lower(function.function_name);
  const bool qualified = !function.schema.empty() || !function.catalog.empty();
  if (TakesNoArguments(name) && !qualified) {
    if (!function.children.empty() || function.filter || function.distinct) {
      return Fail(ErrorCode::kInvalidOperation,
                  fmt::format("{}() takes no arguments", StringUtil::Upper(name)));
    }
    if (const ContextValue value = ContextValueOf(name, true); value != ContextValue::kNone) {
      Replace(expression, value);
      return {};
    }
  }
  if (name == kCurrentSchema && !qualified) return Refuse(kNoCurrentSchema);
  // A qualified name may also be a column before the dot: x.lower(). Either way the last part is the
  // function.
  if (!IsAllowedFunction(name)) {
    if (const std::string sign = PostfixOperator(name); !sign.empty())
      return Refuse(fmt::format("An operand is missing behind the operator {}", sign));
    return Fail(ErrorCode::kInvalidOperation,
                fmt::format("Invalid function '{}': it does not exist or is not available", name));
  }
  if (function.export_state) return Refuse("EXPORT_STATE is not supported");
  if (IsAdjustedFunction(name)) {
    if (qualified) return Refuse(fmt::format("Call {}() without anything before its name", name));
    function.schema = kAdjustedSchema;
    ++rewrites_;
  }
  for (ExpressionPtr& child : function.children) {
    const bool lambda = child->GetExpressionClass() == ExpressionClass::LAMBDA && TakesLambda(name);
    KALAM_TRY(lambda ? Lambda(child->Cast<duckdb::LambdaExpression>(), scope) : Expression(child, scope));
  }
  KALAM_TRY(Filter(function.filter, scope));
  if (function.order_bys) KALAM_TRY(Orders(function.order_bys->orders, scope));
  return {};
}

Status Walker::Window(duckdb::WindowExpression& window, const Scope& scope) {
  window.function_name = KnownName(StringUtil::Lower(window.function_name));
  const std::string& name = window.function_name;
  if (!IsAllowedFunction(name)) {
    return Fail(ErrorCode::kInvalidOperation,
                fmt::format("Invalid function '{}': it does not exist or is not available", name));
  }
  KALAM_TRY(All(window.children, scope));
  KALAM_TRY(All(window.partitions, scope));
  KALAM_TRY(Orders(window.orders, scope));
  KALAM_TRY(Filter(window.filter_expr, scope));
  KALAM_TRY(Optional(window.start_expr, scope));
  KALAM_TRY(Optional(window.end_expr, scope));
  KALAM_TRY(Optional(window.offset_expr, scope));
  KALAM_TRY(Optional(window.default_expr, scope));
  return Orders(window.arg_orders, scope);
}

Status Walker::Star(duckdb::StarExpression& star, const Scope& scope) {
  for (auto& [name, replacement] : star.replace_list) KALAM_TRY(Expression(replacement, scope));
  return Optional(star.expr, scope);
}

Status Walker::Operator(duckdb::OperatorExpression& op, const Scope& scope) {
  switch (op.GetExpressionType()) {
    case ExpressionType::OPERATOR_NOT:
    case ExpressionType::OPERATOR_IS_NULL:
    case ExpressionType::OPERATOR_IS_NOT_NULL:
    case ExpressionType::OPERATOR_UNPACK:
    case ExpressionType::OPERATOR_NULLIF:
    case ExpressionType::OPERATOR_COALESCE:
    case ExpressionType::OPERATOR_TRY:
    case ExpressionType::COMPARE_IN:
    case ExpressionType::COMPARE_NOT_IN:
    case ExpressionType::ARRAY_EXTRACT:
    case ExpressionType::ARRAY_SLICE:
    case ExpressionType::STRUCT_EXTRACT:
    case ExpressionType::ARRAY_CONSTRUCTOR:
    case ExpressionType::GROUPING_FUNCTION:
      return All(op.children, scope);
    default:
      return Refuse("This operator is not supported");
  }
}

Status Walker::Case(duckdb::CaseExpression& expression, const Scope& scope) {
  for (auto& check : expression.case_checks) {
    KALAM_TRY(Expression(check.when_expr, scope));
    KALAM_TRY(Expression(check.then_expr, scope));
  }
  return Optional(expression.else_expr, scope);
}

Status Walker::Between(duckdb::BetweenExpression& expression, const Scope& scope) {
  KALAM_TRY(Expression(expression.input, scope));
  KALAM_TRY(Expression(expression.lower, scope));
  return Expression(expression.upper, scope);
}

Status Walker::Subquery(duckdb::SubqueryExpression& subquery, const Scope& scope) {
  KALAM_TRY(Optional(subquery.child, scope));
  // A filter inside has its own context, and inside a filter the whole subquery filters.
  return Node(subquery.subquery->node, scope);
}

Status Walker::Parameter(const duckdb::ParameterExpression& parameter) {
  if (view_depth_ > 0) return Refuse("A view cannot have parameters");
  const std::string& name = parameter.identifier;
  if (name.empty() || !std::ranges::all_of(name, [](char c) { return c >= '0' && c <= '9'; })) {
    return Fail(ErrorCode::kUnsupported,
                fmt::format("Named parameter ${} is not supported: use $1, $2, ...", name));
  }
  const unsigned long long number = name.size() > 6 ? kParameterMax + 1ULL : std::stoull(name);
  if (number == 0 || number > kParameterMax)
    return Refuse(fmt::format("Parameter ${} is out of range", name));
  if (parameters_.insert(static_cast<uint32_t>(number)).second) {
    found_.parameters.assign(parameters_.begin(), parameters_.end());
  }
  return {};
}

}  // namespace

duckdb::QueryNode& MainQuery(QueryNode& node) {
  QueryNode* at = &node;
  while (at->type == duckdb::QueryNodeType::CTE_NODE) at = at->Cast<duckdb::CTENode>().child.get();
  return *at;
}

Status AllowAndRewrite(NodePtr& node, WalkFindings& findings, std::string_view text,
                       const ViewFinder& views) {
  const Scope outermost(nullptr);
  return Walker(findings, text, views).Node(node, outermost);
}

Result<TableName> ToTableName(const std::string& catalog, const std::string& schema,
                              const std::string& table) {
  TableName name{StringUtil::Lower(schema), StringUtil::Lower(table)};
  if (!catalog.empty() && StringUtil::Lower(catalog) != "kalam") {
    return Refuse(fmt::format("Unknown catalog '{}': tables are named namespace.table", catalog));
  }
  return name;
}

duckdb::unique_ptr<TableRef> MakeScan(size_t slot, const TableRef& table, const std::string& alias) {
  duckdb::vector<ExpressionPtr> arguments;
  arguments.push_back(
      duckdb::make_uniq<duckdb::ConstantExpression>(duckdb::Value::INTEGER(static_cast<int32_t>(slot))));
  auto scan = duckdb::make_uniq<duckdb::TableFunctionRef>();
  scan->function = duckdb::make_uniq<duckdb::FunctionExpression>(kScanFunction, std::move(arguments));
  scan->alias = table.alias.empty() ? alias : table.alias;
  scan->column_name_alias = table.column_name_alias;
  scan->query_location = table.query_location;
  if (table.sample) scan->sample = table.sample->Copy();
  return scan;
}

}  // namespace kalam::engine
