#include "sql/views.h"

#include <fmt/format.h>

#include <utility>

#include "system/view_access.h"

namespace kalam::sql {
namespace {

Status RefuseWrite(const engine::ParsedStatement& parsed, const catalog::CatalogSnapshot& snapshot,
                   std::string_view name_space) {
  const catalog::ViewPtr view = FindView(snapshot, parsed.target(), name_space);
  if (view == nullptr) return {};
  return Fail(
      ErrorCode::kInvalidOperation,
      fmt::format("Invalid operation: '{}' is a view: write to the tables that it reads", view->full_name()));
}

bool Writes(engine::StatementKind kind) {
  return kind == engine::StatementKind::kInsert || kind == engine::StatementKind::kUpdate ||
         kind == engine::StatementKind::kDelete;
}

}  // namespace

catalog::ViewPtr FindView(const catalog::CatalogSnapshot& snapshot, const engine::TableName& name,
                          std::string_view name_space) {
  return snapshot.FindView(name.ns.empty() ? name_space : std::string_view(name.ns), name.table);
}

engine::ViewFinder ViewFinderOf(const catalog::CatalogSnapshot& snapshot, std::string_view name_space) {
  return [&snapshot, name_space](const engine::TableName& name) -> std::optional<engine::ViewText> {
    const catalog::ViewPtr view = FindView(snapshot, name, name_space);
    if (view == nullptr) return std::nullopt;
    engine::ViewText text{view->query, view->query_namespace, {}};
    for (const auto& column : view->columns) text.columns.emplace_back(column.source, column.name);
    return text;
  };
}

Result<engine::ParsedStatementPtr> ParseWithViews(const engine::Engine& engine, std::string_view text,
                                                  const catalog::CatalogSnapshot& snapshot,
                                                  std::string_view name_space) {
  KALAM_ASSIGN(auto parsed, engine.Parse(text));
  if (Writes(parsed->kind())) KALAM_TRY(RefuseWrite(*parsed, snapshot, name_space));
  for (const engine::TableName& name : parsed->tables()) {
    if (FindView(snapshot, name, name_space) != nullptr)
      return engine.Parse(text, ViewFinderOf(snapshot, name_space));
  }
  return parsed;
}

Result<std::optional<std::vector<ResultColumn>>> ColumnsOfView(const catalog::CatalogSnapshot& snapshot,
                                                               const engine::TableName& name,
                                                               std::string_view name_space,
                                                               const Principal& principal) {
  const catalog::ViewPtr view = FindView(snapshot, name, name_space);
  if (view == nullptr) return std::nullopt;
  if (!system::MayReadView(snapshot, *view, principal)) {
    return Fail(ErrorCode::kPermissionDenied,
                fmt::format("Access denied: view '{}' reads what role '{}' may not read", view->full_name(),
                            RoleTitle(principal.role)));
  }
  std::vector<ResultColumn> columns;
  for (const auto& column : view->columns) columns.push_back({column.name, column.type, false, false});
  return columns;
}

}  // namespace kalam::sql
