// CREATE [OR REPLACE] VIEW: a stored SELECT. It is bound once, so that it works today and its columns have
// names; the catalog keeps what it reads from being dropped.
#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "sql/audit.h"
#include "sql/engine_run.h"
#include "sql/handlers.h"
#include "sql/parse/token_reader.h"
#include "sql/plan.h"
#include "sql/request.h"
#include "sql/statements/statements.h"
#include "sql/views.h"
#include "system/system_table.h"

namespace kalam::sql {
namespace {

constexpr int kAttemptsMax = 16;

std::unexpected<Error> Invalid(std::string_view what) {
  return Fail(ErrorCode::kInvalidOperation, fmt::format("Invalid CREATE VIEW statement: {}", what));
}

// The error of the query, which the user reads as part of CREATE VIEW.
std::unexpected<Error> Prefixed(Error error) {
  error.message = fmt::format("Invalid CREATE VIEW statement: {}", error.message);
  return Fail(std::move(error));
}

Status CheckName(const std::string& ns, const std::string& name) {
  if (system::IsSystemNamespace(ns))
    return Fail(ErrorCode::kInvalidOperation,
                fmt::format("Cannot create view '{}.{}': the namespace belongs to the server", ns, name));
  if (const Status valid = catalog::ValidateName(name); !valid)
    return Fail(valid.error().code, fmt::format("Invalid view name '{}': {}", name, valid.error().message));
  return {};
}

// What the query itself names, with namespaces.
std::vector<catalog::View::Reference> ReferencesOf(const engine::ParsedStatement& query,
                                                   std::string_view name_space) {
  std::vector<catalog::View::Reference> references;
  for (const engine::TableName& name : query.tables()) {
    catalog::View::Reference reference{name.ns.empty() ? std::string(name_space) : name.ns, name.table};
    if (std::find(references.begin(), references.end(), reference) == references.end())
      references.push_back(std::move(reference));
  }
  return references;
}

Status SetColumns(const std::vector<std::string>& names, const std::vector<ResultColumn>& found,
                  catalog::View& view) {
  if (!names.empty() && names.size() != found.size()) {
    return Invalid(fmt::format("{} columns are named, but the query has {}", names.size(), found.size()));
  }
  for (size_t i = 0; i < found.size(); ++i) {
    const std::string source = LowerCase(found[i].name);
    const auto is_same = [&](const auto& column) { return LowerCase(column.source) == source; };
    if (std::any_of(view.columns.begin(), view.columns.end(), is_same)) {
      return Invalid(fmt::format(
          "the query has two columns called '{}': give one of them another name with AS", found[i].name));
    }
    std::string name = names.empty() ? source : names[i];
    if (name.empty()) return Invalid("a column of the query has no name: give it one with AS");
    view.columns.push_back({std::move(name), found[i].name, found[i].type});
  }
  return {};
}

// `exact`: nothing but `reads`, which is parallel to the plan's tables, is needed of them.
void SetReads(const Plan& plan, const std::vector<std::vector<std::string>>& reads, bool exact,
              catalog::View& view) {
  view.reads.emplace();
  for (size_t i = 0; i < plan.tables.size(); ++i) {
    const catalog::TablePtr& table = plan.tables[i].table;
    if (table == nullptr) continue;  // a system table
    catalog::View::Reference name{table->ns, table->name};
    // What other views read is their own affair.
    if (std::ranges::find(view.references, name) == view.references.end()) continue;
    catalog::View::ColumnUse& use = view.reads->emplace_back(std::move(name), std::vector<std::string>());
    for (const Column& column : table->schema().columns) {
      const bool named = !exact && std::ranges::find(view.words, LowerCase(column.name)) != view.words.end();
      if (named || std::ranges::find(reads[i], column.name) != reads[i].end())
        use.columns.push_back(column.name);
    }
  }
}

// `view` with everything that comes from its query.
Status Bind(const CreateView& create, const catalog::CatalogSnapshot& snapshot, Request& request,
            Services& services, catalog::View& view) {
  auto query = services.engine.Parse(view.query);
  if (!query) return Prefixed(std::move(query).error());
  if ((*query)->kind() != engine::StatementKind::kSelect) return Invalid("a view is made of one SELECT");
  if (!(*query)->parameters().empty()) return Invalid("a view cannot have parameters ($1)");
  view.references = ReferencesOf(**query, view.query_namespace);
  // Bound as it will be read: in the place of a name.
  const engine::TableName self{view.ns, view.name};
  const engine::ViewFinder others = ViewFinderOf(snapshot, view.query_namespace);
  bool reads_itself = false;
  bool outermost = true;
  const engine::ViewFinder finder = [&](const engine::TableName& name) -> std::optional<engine::ViewText> {
    if (name == self && std::exchange(outermost, false))
      return engine::ViewText{view.query, view.query_namespace, {}};
    reads_itself = reads_itself || name == self;
    return name == self ? std::nullopt : others(name);
  };
  auto parsed =
      services.engine.Parse(fmt::format("SELECT * FROM \"{}\".\"{}\" LIMIT 0", view.ns, view.name), finder);
  if (reads_itself) return Invalid(fmt::format("view '{}' would read itself", view.full_name()));
  if (!parsed) return Prefixed(std::move(parsed).error());
  if ((*parsed)->mentions_deleted())
    return Invalid("a filter names _deleted: deleted rows can be asked for in a query, not in a view");
  auto plan = MakePlan(std::move(*parsed), snapshot, services.catalog.version(), view.query_namespace, {});
  if (!plan) return Prefixed(std::move(plan).error());
  KALAM_TRY(AuthorizePlan(**plan, *request.principal, false));
  auto bound = BindWithoutRows(*plan, nullptr, request, services);
  if (!bound) return Prefixed(std::move(bound).error());
  KALAM_TRY(SetColumns(create.columns, bound->columns, view));
  // The text can name a column without reading it (SELECT * EXCLUDE (c)); then it does not bind without it.
  const auto without_the_rest = BindWithoutRows(*plan, &bound->reads, request, services);
  const bool exact = without_the_rest && without_the_rest->columns.size() == bound->columns.size();
  SetReads(**plan, bound->reads, exact, view);
  return {};
}

}  // namespace

Status AuthorizeView(const Statement& statement, const Principal& caller, const Services&) {
  if (caller.is_admin()) return {};
  const bool creates = statement.kind == StatementKind::kCreateView;
  return Fail(InsufficientRole(
      creates ? "Only DBA or System roles can create views" : "Only DBA or System roles can drop views",
      creates ? "CREATE VIEW" : "DROP VIEW", caller));
}

Result<Outcome> RunCreateView(const Statement& statement, Request& request, Services& services) {
  const auto& create = std::get<CreateView>(statement.body);
  const std::string ns = create.view.ns.empty() ? request.name_space : create.view.ns;
  KALAM_TRY(CheckName(ns, create.view.table));
  for (const std::string& column : create.columns) {
    if (const Status valid = catalog::ValidateColumnName(column); !valid)
      return Fail(valid.error().code,
                  fmt::format("Invalid column name '{}': {}", column, valid.error().message));
  }
  for (int attempt = 1;; ++attempt) {
    const catalog::SnapshotPtr snapshot = services.catalog.Snapshot();
    const catalog::ViewPtr old = snapshot->FindView(ns, create.view.table);
    if (old != nullptr && create.if_not_exists)
      return MessageOutcome(fmt::format("View {} already exists", old->full_name()), 0);
    catalog::View view;
    view.ns = ns;
    view.name = create.view.table;
    view.query = create.query;
    view.query_namespace = request.name_space;
    view.words = create.words;
    KALAM_TRY(Bind(create, *snapshot, request, services, view));
    const std::string full_name = view.full_name();
    const std::string details = fmt::format("Columns: {}", view.columns.size());
    const Status created =
        services.catalog.CreateView(std::move(view), *snapshot, create.or_replace,
                                    AuditOf(request, services, "CREATE_VIEW", full_name, details));
    if (created) return MessageOutcome(fmt::format("View {} created successfully", full_name));
    if (created.error().code != ErrorCode::kConflict || attempt == kAttemptsMax) return Fail(created.error());
  }
}

}  // namespace kalam::sql
