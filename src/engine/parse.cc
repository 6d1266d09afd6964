#include "engine/parse.h"

#include <fmt/format.h>

#include <algorithm>

#include "duckdb/common/string_util.hpp"
#include "duckdb/parser/expression/cast_expression.hpp"
#include "duckdb/parser/expression/constant_expression.hpp"
#include "duckdb/parser/expression/star_expression.hpp"
#include "duckdb/parser/parser.hpp"
#include "duckdb/parser/query_node/select_node.hpp"
#include "duckdb/parser/statement/delete_statement.hpp"
#include "duckdb/parser/statement/insert_statement.hpp"
#include "duckdb/parser/statement/update_statement.hpp"
#include "duckdb/parser/tableref/basetableref.hpp"
#include "duckdb/parser/tableref/emptytableref.hpp"
#include "duckdb/parser/tableref/expressionlistref.hpp"
#include "duckdb/parser/tableref/subqueryref.hpp"
#include "engine/allow_walk.h"
#include "engine/lexer_guard.h"
#include "engine/read_text.h"
#include "engine/simple_forms.h"
#include "engine/translate.h"

namespace kalam::engine {
namespace {

using duckdb::SelectNode;
using duckdb::SelectStatement;
using duckdb::SQLStatement;
using duckdb::StatementType;
using duckdb::StringUtil;

// A forgotten condition must not change a whole table.
constexpr const char* kUpdateWithoutWhere =
    "UPDATE requires a WHERE clause. Hint: WHERE true changes every row";
constexpr const char* kDeleteWithoutWhere =
    "DELETE requires a WHERE clause. Hint: WHERE true deletes every row";

// `?` and $0 take the next number silently, which the tree does not show.
Status CheckPlaceholders(const std::string& sql) {
  if (sql.find('?') == std::string::npos && sql.find("$0") == std::string::npos) return {};
  for (const duckdb::SimplifiedToken& token : duckdb::Parser::Tokenize(sql)) {
    if (sql[token.start] == '?') {
      return Fail(ErrorCode::kInvalidSql, "'?' is not a placeholder: use $1, $2, ...");
    }
    if (sql.compare(token.start, 2, "$0") == 0)
      return Fail(ErrorCode::kInvalidSql, "Parameters are numbered from $1");
  }
  return {};
}

// What the user called it: INSTALL and CHECKPOINT are LOAD and CALL to the parser.
std::string FirstWord(std::string_view sql) {
  for (const duckdb::SimplifiedToken& token : duckdb::Parser::Tokenize(std::string(sql))) {
    size_t end = token.start;
    while (end < sql.size() && ((sql[end] | 0x20) >= 'a' && (sql[end] | 0x20) <= 'z')) ++end;
    return StringUtil::Upper(std::string(sql.substr(token.start, end - token.start)));
  }
  return "This";
}

// --- each kind to a SELECT

duckdb::unique_ptr<SelectStatement> Wrap(duckdb::unique_ptr<SelectNode> node) {
  auto select = duckdb::make_uniq<SelectStatement>();
  select->node = std::move(node);
  return select;
}

std::string AliasOf(const duckdb::TableRef& table) {
  return table.alias.empty() ? table.Cast<duckdb::BaseTableRef>().table_name : table.alias;
}

// SELECT alias.* WHERE condition, still without its FROM.
duckdb::unique_ptr<SelectNode> MatchingRows(const std::string& alias,
                                            duckdb::unique_ptr<duckdb::ParsedExpression> condition,
                                            duckdb::CommonTableExpressionMap ctes) {
  auto node = duckdb::make_uniq<SelectNode>();
  node->select_list.push_back(duckdb::make_uniq<duckdb::StarExpression>(alias));
  node->from_table = duckdb::make_uniq<duckdb::EmptyTableRef>();
  node->where_clause = std::move(condition);
  node->cte_map = std::move(ctes);
  return node;
}

Status CheckTarget(const duckdb::TableRef& table) {
  if (table.type != duckdb::TableReferenceType::BASE_TABLE || table.sample ||
      !table.column_name_alias.empty()) {
    return Fail(ErrorCode::kInvalidSql, "Only a plain table can be written to");
  }
  return {};
}

Status NoReturning(bool returning, std::string_view kind) {
  if (!returning) return {};
  return Fail(
      ErrorCode::kUnsupported,
      fmt::format("RETURNING is not supported in {}: put a SELECT behind it in the same request", kind));
}

class Builder {
 public:
  Builder(Statement& out, std::string_view sql) : out_(out), sql_(sql) {}

  Status Build(duckdb::unique_ptr<SQLStatement> statement) {
    switch (statement->type) {
      case StatementType::SELECT_STATEMENT:
        return Select(std::move(statement));
      case StatementType::INSERT_STATEMENT:
        return Insert(statement->Cast<duckdb::InsertStatement>());
      case StatementType::UPDATE_STATEMENT:
        return Update(statement->Cast<duckdb::UpdateStatement>());
      case StatementType::DELETE_STATEMENT:
        return Delete(statement->Cast<duckdb::DeleteStatement>());
      default:
        return Fail(ErrorCode::kInvalidSql, fmt::format("{} is not supported", FirstWord(sql_)));
    }
  }

  // After the walk.
  void AddTarget() {
    if (target_scan_)
      MainQuery(*out_.parts.select->node).Cast<SelectNode>().from_table = std::move(target_scan_);
  }

 private:
  Status Select(duckdb::unique_ptr<SQLStatement> statement) {
    out_.parts.inner_kind = StatementKind::kSelect;
    out_.parts.select = duckdb::unique_ptr_cast<SQLStatement, SelectStatement>(std::move(statement));
    return {};
  }

  Status Insert(duckdb::InsertStatement& insert) {
    out_.parts.inner_kind = StatementKind::kInsert;
    if (insert.on_conflict_info) return Conflict(*insert.on_conflict_info);
    KALAM_TRY(NoReturning(!insert.returning_list.empty(), "INSERT"));
    if (insert.default_values) return InsertDefaults(insert);
    if (!insert.select_statement) return Fail(ErrorCode::kInvalidSql, "INSERT has no values");
    if (insert.column_order != duckdb::InsertColumnOrder::INSERT_BY_POSITION) {
      return Fail(ErrorCode::kUnsupported,
                  "INSERT BY NAME is not supported: name the columns after the table");
    }
    KALAM_ASSIGN(out_.parts.target, ToTableName(insert.catalog, insert.schema, insert.table));
    KALAM_TRY(Columns(insert.columns));
    auto values = insert.GetValuesList();
    // ORDER BY and LIMIT would give the rows other numbers.
    if (values && insert.select_statement->node->modifiers.empty()) {
      for (size_t row = 0; row < values->values.size(); ++row) TakeDefaults(row, values->values[row]);
    }
    out_.parts.values_insert = values && insert.cte_map.map.empty() &&
                               insert.select_statement->node->modifiers.empty() &&
                               insert.select_statement->node->cte_map.map.empty();
    if (insert.cte_map.map.empty()) {
      out_.parts.select = std::move(insert.select_statement);
      return {};
    }
    auto node = duckdb::make_uniq<SelectNode>();
    node->select_list.push_back(duckdb::make_uniq<duckdb::StarExpression>());
    node->from_table = duckdb::make_uniq<duckdb::SubqueryRef>(std::move(insert.select_statement));
    node->cte_map = std::move(insert.cte_map);
    out_.parts.select = Wrap(std::move(node));
    return {};
  }

  // One row in which DEFAULT stands for the first column; so it does for the columns that are not named.
  Status InsertDefaults(const duckdb::InsertStatement& insert) {
    KALAM_ASSIGN(out_.parts.target, ToTableName(insert.catalog, insert.schema, insert.table));
    duckdb::Parser parser(OurParserOptions());
    parser.ParseQuery("VALUES (NULL)");
    out_.parts.select =
        duckdb::unique_ptr_cast<SQLStatement, SelectStatement>(std::move(parser.statements[0]));
    out_.parts.default_cells.push_back({0, 0});
    out_.parts.inserts_defaults = out_.parts.values_insert = true;
    return {};
  }

  Status Conflict(const duckdb::OnConflictInfo& info) {
    const char* op =
        info.action_type == duckdb::OnConflictAction::REPLACE ? "INSERT OR REPLACE" : "ON CONFLICT";
    return Fail(
        ErrorCode::kUnsupported,
        fmt::format("{} is not supported for user, shared and stream tables: UPDATE first, and INSERT "
                    "when that changed no row",
                    op));
  }

  Status Update(duckdb::UpdateStatement& update) {
    out_.parts.inner_kind = StatementKind::kUpdate;
    KALAM_TRY(NoReturning(!update.returning_list.empty(), "UPDATE"));
    if (update.from_table) {
      return Fail(ErrorCode::kUnsupported,
                  "UPDATE ... FROM is not supported: use a subquery in SET or WHERE");
    }
    KALAM_TRY(CheckTarget(*update.table));
    if (!update.set_info->condition) return Fail(ErrorCode::kInvalidOperation, kUpdateWithoutWhere);
    KALAM_TRY(Target(*update.table));
    KALAM_TRY(Columns(update.set_info->columns));
    TakeDefaults(0, update.set_info->expressions);
    auto node = MatchingRows(AliasOf(*update.table), std::move(update.set_info->condition),
                             std::move(update.cte_map));
    for (auto& expression : update.set_info->expressions) node->select_list.push_back(std::move(expression));
    out_.parts.select = Wrap(std::move(node));
    return {};
  }

  Status Delete(duckdb::DeleteStatement& statement) {
    out_.parts.inner_kind = StatementKind::kDelete;
    KALAM_TRY(NoReturning(!statement.returning_list.empty(), "DELETE"));
    if (!statement.using_clauses.empty()) {
      return Fail(ErrorCode::kUnsupported, "DELETE ... USING is not supported: use a subquery in WHERE");
    }
    KALAM_TRY(CheckTarget(*statement.table));
    if (!statement.condition) return Fail(ErrorCode::kInvalidOperation, kDeleteWithoutWhere);
    KALAM_TRY(Target(*statement.table));
    out_.parts.select = Wrap(MatchingRows(AliasOf(*statement.table), std::move(statement.condition),
                                          std::move(statement.cte_map)));
    return {};
  }

  Status Target(const duckdb::TableRef& table) {
    const auto& base = table.Cast<duckdb::BaseTableRef>();
    KALAM_ASSIGN(out_.parts.target, ToTableName(base.catalog_name, base.schema_name, base.table_name));
    // The written table is slot 0 whatever names the statement's CTEs have, so the walk must not look it up.
    out_.parts.found.tables.push_back(out_.parts.target);
    target_scan_ = MakeScan(0, table, base.table_name);
    return {};
  }

  Status Columns(const duckdb::vector<std::string>& columns) {
    for (const std::string& column : columns) {
      std::string lower = StringUtil::Lower(column);
      if (std::ranges::find(out_.parts.written, lower) != out_.parts.written.end()) {
        return Fail(ErrorCode::kInvalidOperation, fmt::format("Column '{}' is named twice", lower));
      }
      out_.parts.written.push_back(std::move(lower));
    }
    return {};
  }

  // DEFAULT has no value for the engine: NULL stands there, and the cell is noted for the writer.
  void TakeDefaults(size_t row, duckdb::vector<duckdb::unique_ptr<duckdb::ParsedExpression>>& cells) {
    for (size_t i = 0; i < cells.size(); ++i) {
      if (cells[i]->GetExpressionClass() != duckdb::ExpressionClass::DEFAULT) continue;
      cells[i] = duckdb::make_uniq<duckdb::ConstantExpression>(duckdb::Value());
      out_.parts.default_cells.push_back({row, i});
    }
  }

  Statement& out_;
  std::string_view sql_;
  duckdb::unique_ptr<duckdb::TableRef> target_scan_;
};

StatementKind KindOf(const SQLStatement& statement) {
  switch (statement.type) {
    case StatementType::INSERT_STATEMENT:
      return StatementKind::kInsert;
    case StatementType::UPDATE_STATEMENT:
      return StatementKind::kUpdate;
    case StatementType::DELETE_STATEMENT:
      return StatementKind::kDelete;
    case StatementType::EXPLAIN_STATEMENT:
      return StatementKind::kExplain;
    default:
      return StatementKind::kSelect;
  }
}

Result<std::shared_ptr<const Statement>> FromTree(duckdb::unique_ptr<SQLStatement> tree, std::string_view sql,
                                                  const ReadText& read, const ViewFinder& views) {
  auto out = std::make_shared<Statement>();
  out->parts.kind = KindOf(*tree);
  if (tree->type == StatementType::EXPLAIN_STATEMENT) {
    auto& explain = tree->Cast<duckdb::ExplainStatement>();
    if (explain.explain_format != duckdb::ExplainFormat::DEFAULT &&
        explain.explain_format != duckdb::ExplainFormat::TEXT) {
      return Fail(ErrorCode::kUnsupported, "EXPLAIN has the text format only");
    }
    out->parts.explain_type = explain.explain_type;
    duckdb::unique_ptr<SQLStatement> inner = std::move(explain.stmt);
    tree = std::move(inner);
  } else if (read.has_places) {
    out->parts.simple = RecogniseSimpleForm(*tree, read.text);
    if (read.rewritten) MoveLiterals(out->parts.simple, *read.rewritten);
  }
  Builder builder(*out, sql);
  KALAM_TRY(builder.Build(std::move(tree)));
  if (out->parts.kind != StatementKind::kExplain) out->parts.kind = out->parts.inner_kind;
  KALAM_TRY(AllowAndRewrite(out->parts.select->node, out->parts.found, read.text, views));
  if (out->parts.found.has_view) out->parts.simple = {};
  builder.AddTarget();
  out->parts.has_limit =
      std::ranges::any_of(MainQuery(*out->parts.select->node).modifiers, [](const auto& modifier) {
        return modifier->type == duckdb::ResultModifierType::LIMIT_MODIFIER ||
               modifier->type == duckdb::ResultModifierType::LIMIT_PERCENT_MODIFIER;
      });
  if (out->parts.found.has_default) {
    return Fail(
        ErrorCode::kInvalidSql,
        "DEFAULT stands alone in the place of a value of INSERT ... VALUES or UPDATE ... SET; it cannot "
        "be part of an expression or a query");
  }
  return out;
}

Result<std::shared_ptr<const Statement>> Parse(const std::string& sql, const ViewFinder& views) {
  ReadText read = Read(sql);
  if (read.statements.size() > 1)
    return Fail(ErrorCode::kInvalidSql, "Expected one statement, found several");
  if (read.statements.empty()) return Fail(ErrorCode::kEmptySql, "No SQL statement");
  KALAM_TRY(CheckPlaceholders(read.text));
  duckdb::unique_ptr<SQLStatement> tree = std::move(read.statements[0]);
  return FromTree(std::move(tree), sql, read, views);
}

Status CheckText(std::string_view sql) {
  if (sql.find('\0') != std::string_view::npos)
    return Fail(ErrorCode::kSyntax, "SQL syntax error: the text contains a NUL byte");
  return CheckLexerCost(sql);
}

}  // namespace

Result<std::shared_ptr<const Statement>> ParseStatement(std::string_view sql, const ViewFinder& views) {
  KALAM_TRY(CheckText(sql));
  try {
    return Parse(std::string(sql), views);
  } catch (const std::exception& exception) {
    return Fail(Translate(duckdb::ErrorData(exception), Stage::kParse, sql));
  }
}

Result<std::shared_ptr<const Statement>> ParseExpression(std::string_view expression) {
  KALAM_TRY(CheckText(expression));
  try {
    const std::string sql = "SELECT " + std::string(expression);
    KALAM_ASSIGN(auto statement, Parse(sql, nullptr));
    const auto* node = statement->parts.select->node->type == duckdb::QueryNodeType::SELECT_NODE
                           ? &statement->parts.select->node->Cast<SelectNode>()
                           : nullptr;
    const WalkFindings& found = statement->parts.found;
    if (node == nullptr || node->select_list.size() != 1 ||
        node->from_table->type != duckdb::TableReferenceType::EMPTY_FROM || node->where_clause ||
        !node->modifiers.empty() || !found.parameters.empty() || !found.tables.empty() || found.has_cte) {
      return Fail(ErrorCode::kInvalidSql, "Expected a constant expression");
    }
    return statement;
  } catch (const std::exception& exception) {
    return Fail(Translate(duckdb::ErrorData(exception), Stage::kParse, expression));
  }
}

std::optional<duckdb::Value> LiteralOf(const Statement& expression) {
  const auto& item = *expression.parts.select->node->Cast<SelectNode>().select_list[0];
  if (item.GetExpressionClass() == duckdb::ExpressionClass::CONSTANT)
    return item.Cast<duckdb::ConstantExpression>().value;
  if (item.GetExpressionClass() != duckdb::ExpressionClass::CAST) return std::nullopt;
  // TRUE and FALSE
  const auto& cast = item.Cast<duckdb::CastExpression>();
  if (cast.cast_type.id() != duckdb::LogicalTypeId::BOOLEAN ||
      cast.child->GetExpressionClass() != duckdb::ExpressionClass::CONSTANT) {
    return std::nullopt;
  }
  duckdb::Value value = cast.child->Cast<duckdb::ConstantExpression>().value;
  if (!value.DefaultTryCastAs(duckdb::LogicalType::BOOLEAN)) return std::nullopt;
  return value;
}

}  // namespace kalam::engine
