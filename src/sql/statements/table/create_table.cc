// CREATE [USER|SHARED] TABLE: definition checked, system columns implied, one batch.
#include <fmt/format.h>

#include <utility>

#include "sql/audit.h"
#include "sql/handlers.h"
#include "sql/request.h"
#include "sql/statements/statements.h"
#include "sql/statements/table/column_spec.h"
#include "system/system_table.h"

namespace kalam::sql {
namespace {

// A user or service caller that creates a default SHARED table in the namespace named like itself gets a
// private table.
TableType EffectiveType(const CreateTable& create, std::string_view ns, const Principal& caller) {
  if (create.type == TableType::kShared && !caller.is_admin() && ns == caller.user_id)
    return TableType::kUser;
  return create.type;
}

Status CheckKey(const std::vector<Column>& columns, TableType type) {
  size_t keys = 0;
  for (const Column& column : columns) {
    if (!column.primary_key) continue;
    ++keys;
    if (column.type.kind == TypeKind::kEmbedding || column.type.kind == TypeKind::kJson) {
      return Fail(ErrorCode::kInvalidOperation,
                  fmt::format("Invalid operation: PRIMARY KEY column '{}' cannot be of type {}", column.name,
                              SqlName(column.type)));
    }
  }
  if (keys > 1)
    return Fail(ErrorCode::kInvalidOperation,
                "Invalid operation: Composite PRIMARY KEYs are not supported yet");
  if (keys == 0 && type != TableType::kStream) {
    return Fail(ErrorCode::kInvalidOperation,
                fmt::format("Invalid operation: {} tables require a PRIMARY KEY column",
                            type == TableType::kUser ? "User" : "Shared"));
  }
  return {};
}

Status CheckNames(const TableRef& table, std::string_view ns) {
  if (system::IsSystemNamespace(ns)) {
    return Fail(ErrorCode::kInvalidOperation,
                fmt::format("Cannot create system table '{}.{}'. System tables are managed internally.", ns,
                            table.table));
  }
  if (const Status valid = catalog::ValidateName(table.table); !valid) {
    return Fail(valid.error().code,
                fmt::format("Invalid table name '{}': {}", table.table, valid.error().message));
  }
  return {};
}

}  // namespace

Status AuthorizeCreateTable(const Statement& statement, const Principal& caller, const Services&) {
  const auto& create = std::get<CreateTable>(statement.body);
  if (create.type != TableType::kShared || caller.role >= Role::kService ||
      create.table.ns == caller.user_id || create.table.ns.empty()) {
    return {};  // an unqualified name is judged when its namespace is known
  }
  return Fail(InsufficientRole("Insufficient privileges to create shared tables", "CREATE TABLE", caller,
                               Role::kService));
}

Result<Outcome> RunCreateTable(const Statement& statement, Request& request, Services& services) {
  const auto& create = std::get<CreateTable>(statement.body);
  const std::string ns = create.table.ns.empty() ? request.name_space : create.table.ns;
  KALAM_TRY(CheckNames(create.table, ns));
  catalog::Table draft;
  draft.ns = ns;
  draft.name = create.table.table;
  draft.type = EffectiveType(create, ns, *request.principal);
  draft.options = create.options;
  draft.access_level = create.access_level.value_or(AccessLevel::kPrivate);
  if (draft.type == TableType::kShared && request.principal->role < Role::kService) {
    return Fail(InsufficientRole("Insufficient privileges to create shared tables", "CREATE TABLE",
                                 *request.principal, Role::kService));
  }
  if (static_cast<int64_t>(create.columns.size()) > services.settings.limits.max_columns_per_table) {
    return Fail(
        ErrorCode::kLimitExceeded,
        fmt::format("Table '{}.{}' has {} columns; the limit is {} (limits.max_columns_per_table)", ns,
                    draft.name, create.columns.size(), services.settings.limits.max_columns_per_table));
  }
  const auto snapshot = services.catalog.Snapshot();
  if (!snapshot->FindNamespace(ns)) {
    return Fail(
        Error(ErrorCode::kNotFoundNamespace,
              fmt::format("Namespace '{}' does not exist. Create it first with CREATE NAMESPACE {}", ns, ns))
            .With("namespace", ns)
            .With("operation", std::string("CREATE TABLE")));
  }
  TableSchema& schema = draft.versions.emplace_back();
  for (const ColumnDefinition& definition : create.columns) {
    KALAM_ASSIGN(auto column, MakeColumn(definition, services));
    schema.columns.push_back(std::move(column));
  }
  KALAM_TRY(CheckKey(schema.columns, draft.type));
  const std::string_view type_name = TableTypeName(draft.type);
  const std::string full_name = draft.full_name();
  const auto created = services.catalog.CreateTable(
      std::move(draft),
      AuditOf(request, services, "CREATE_TABLE", full_name, fmt::format("Type: {}", type_name)));
  if (created) {
    // Accepted, since schemas are brought from elsewhere; but nobody should rely on them.
    const std::string_view note =
        create.has_unenforced ? ". UNIQUE, CHECK and FOREIGN KEY constraints are not enforced" : "";
    return MessageOutcome(fmt::format("{} table {} created successfully{}", type_name, full_name, note));
  }
  if (create.if_not_exists && created.error().code == ErrorCode::kAlreadyExists) {
    return MessageOutcome(fmt::format("Table {} already exists", full_name), 0);
  }
  return Fail(created.error());
}

}  // namespace kalam::sql
