// ALTER TABLE: one operation, one new schema version. Rows are not rewritten: each keeps the version it was
// written with.
#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "auth/allow.h"
#include "hot/row_codec.h"
#include "sql/audit.h"
#include "sql/handlers.h"
#include "sql/request.h"
#include "sql/statements/statements.h"
#include "sql/statements/table/column_spec.h"
#include "system/system_table.h"
#include "tables/row_builder.h"
#include "tables/table_scope.h"

namespace kalam::sql {
namespace {

using Op = AlterTable::Op;

std::string OperationText(const AlterTable& alter) {
  const std::string& column = alter.column.name;
  switch (alter.op) {
    case Op::kAddColumn:
      return fmt::format("ADD COLUMN {} {}", column, SqlName(alter.column.type));
    case Op::kDropColumn:
      return fmt::format("DROP COLUMN {}", column);
    case Op::kModifyColumn:
      return fmt::format("MODIFY COLUMN {} {}", column, SqlName(alter.column.type));
    case Op::kSetNotNull:
      return fmt::format("ALTER COLUMN {} SET NOT NULL", column);
    case Op::kDropNotNull:
      return fmt::format("ALTER COLUMN {} DROP NOT NULL", column);
    case Op::kSetDefault:
      return fmt::format("ALTER COLUMN {} SET DEFAULT {}", column, alter.column.default_value.expression);
    case Op::kDropDefault:
      return fmt::format("ALTER COLUMN {} DROP DEFAULT", column);
    case Op::kRenameColumn:
      return fmt::format("RENAME COLUMN {} TO {}", column, alter.new_name);
    case Op::kSetAccessLevel:
      return fmt::format("SET ACCESS LEVEL {}", AccessLevelTitle(alter.access_level));
  }
  return "";
}

std::unexpected<Error> Refuse(std::string text) {
  return Fail(ErrorCode::kInvalidOperation, "Invalid operation: " + std::move(text));
}

bool IsSystemColumn(std::string_view name) { return !name.empty() && name.front() == '_'; }

// Calls `visit` for each live row of every scope of the table.
Status ForEachLiveRow(const catalog::Table& table, const Services& services,
                      const std::function<Status(const hot::RowView&)>& visit) {
  const std::string prefix = hot::SharedPrefix(table.id);  // of all scopes
  const tables::ReadView view = NewestView(services).AtSnapshot();
  auto cursor = view.Scan(prefix, hot::PrefixEnd(prefix));
  for (; cursor.Valid(); cursor.Next()) {
    KALAM_ASSIGN(const hot::RowView row, table.codec->Open(cursor.value()));
    if (!row.deleted()) KALAM_TRY(visit(row));
  }
  KALAM_TRY(cursor.status());
  return services.cold.ReadRows(tables::ShapeOf(table), hot::SharedPrefix(table.id), *view.snapshot,
                                [&](std::string_view, std::string_view bytes) -> Status {
                                  KALAM_ASSIGN(const hot::RowView row, table.codec->Open(bytes));
                                  return visit(row);
                                });
}

Result<bool> AddColumn(catalog::Table& table, TableSchema& schema, const AlterTable& alter,
                       const Request& request, Services& services) {
  if (IsSystemColumn(alter.column.name)) {
    return Refuse(fmt::format("Cannot add column '{}': reserved system column name", alter.column.name));
  }
  if (schema.Find(alter.column.name))
    return Refuse(fmt::format("Column '{}' already exists", alter.column.name));
  if (alter.column.primary_key) return Refuse("A PRIMARY KEY column cannot be added to an existing table");
  if (static_cast<int64_t>(schema.columns.size()) >= services.settings.limits.max_columns_per_table) {
    return Fail(ErrorCode::kLimitExceeded,
                fmt::format("Table '{}' has {} columns, the limit (limits.max_columns_per_table)",
                            table.full_name(), schema.columns.size()));
  }
  KALAM_ASSIGN(Column column, MakeColumn(alter.column, services));
  // Rows written before read the default as it is now; ids that must differ per row cannot be given
  // afterwards.
  if (column.default_value.kind == DefaultKind::kLiteral) {
    column.initial_default = column.default_value.literal;
  } else if (column.default_value.kind == DefaultKind::kNow) {
    Arena arena;
    column.initial_default = OwnedValue(tables::ComputeDefault(
        DefaultKind::kNow,
        {services.snowflake, services.random, request.now_micros, request.principal->user_id},
        column.type.kind, arena));
  }
  if (!column.nullable && column.initial_default.view().is_null) {
    const Status empty = ForEachLiveRow(table, services, [&](const hot::RowView&) -> Status {
      return Refuse(
          fmt::format("Column '{}' is NOT NULL: a constant DEFAULT is required because table '{}' has rows",
                      column.name, table.full_name()));
    });
    KALAM_TRY(empty);
  }
  schema.columns.push_back(std::move(column));
  return true;
}

Result<OwnedValue> CastConstant(const OwnedValue& constant, const DataType& type, const Services& services) {
  if (constant.view().is_null) return OwnedValue(Value::Null(type.kind));
  Arena arena;
  KALAM_ASSIGN(const Value cast, services.engine.Cast(constant.view(), type, arena));
  return OwnedValue(cast);
}

Result<bool> ModifyColumn(Column& column, const AlterTable& alter, const catalog::Table& table,
                          const Services& services) {
  if (alter.column.type.kind == TypeKind::kFile || alter.column.type.kind == TypeKind::kEmbedding) {
    return Fail(Error(ErrorCode::kUnsupported,
                      fmt::format("Type {} is not supported yet", SqlName(alter.column.type)))
                    .With("feature", SqlName(alter.column.type)));
  }
  const bool type_changes = column.type != alter.column.type;
  if (type_changes && column.primary_key) {
    return Refuse(
        fmt::format("Cannot modify column '{}': the type of a PRIMARY KEY column is part of every stored key",
                    column.name));
  }
  if (!hot::RowCodec::CanWiden(column.type, alter.column.type)) {
    return Refuse(
        fmt::format("Cannot modify column '{}' of table '{}' from {} to {}: stored values might not fit. Add "
                    "a new column, "
                    "copy with UPDATE and drop the old one",
                    column.name, table.full_name(), SqlName(column.type), SqlName(alter.column.type)));
  }
  if (!type_changes) return false;
  // The constants that stand for missing values widen with the column.
  KALAM_ASSIGN(column.initial_default, CastConstant(column.initial_default, alter.column.type, services));
  if (column.default_value.kind == DefaultKind::kLiteral) {
    KALAM_ASSIGN(column.default_value.literal,
                 CastConstant(column.default_value.literal, alter.column.type, services));
  } else if (column.default_value.kind != DefaultKind::kNone) {
    return Refuse(
        fmt::format("Cannot modify column '{}': drop its DEFAULT {} first (ALTER COLUMN {} DROP DEFAULT)",
                    column.name, column.default_value.sql, column.name));
  }
  column.type = alter.column.type;
  return true;
}

Status CheckNoNulls(const catalog::Table& table, size_t ordinal, const Services& services) {
  return ForEachLiveRow(table, services, [&](const hot::RowView& row) -> Status {
    if (!row.Get(ordinal).is_null) return {};
    return Refuse(fmt::format(
        "Column '{}' of table '{}' holds NULL values and cannot become NOT NULL; update them first",
        table.schema().columns[ordinal].name, table.full_name()));
  });
}

// A column that became NOT NULL, or was added as NOT NULL, once more: rows may have been written while the
// statement ran.
Status VerifyNoNulls(const catalog::Table& table, const AlterTable& alter, const Services& services) {
  const auto ordinal = table.schema().Find(alter.column.name);
  if (!ordinal) return {};
  // Rows from before a new column read its constant.
  const bool filled = !table.schema().columns[*ordinal].initial_default.view().is_null;
  if (alter.op == Op::kAddColumn && filled) return {};
  return CheckNoNulls(table, *ordinal, services);
}

Result<bool> SetNullable(const catalog::Table& table, Column& column, size_t ordinal, bool nullable,
                         const Services& services) {
  if (nullable && column.primary_key) {
    return Refuse(fmt::format("Column '{}' is a PRIMARY KEY and cannot be nullable", column.name));
  }
  if (column.nullable == nullable) return false;
  if (!nullable) KALAM_TRY(CheckNoNulls(table, ordinal, services));
  column.nullable = nullable;
  return true;
}

Result<bool> RenameColumn(TableSchema& schema, Column& column, const std::string& new_name) {
  if (IsSystemColumn(new_name)) {
    return Refuse(fmt::format("Cannot rename column to '{}': reserved system column name", new_name));
  }
  if (const Status valid = catalog::ValidateColumnName(new_name); !valid) {
    return Fail(valid.error().code,
                fmt::format("Invalid column name '{}': {}", new_name, valid.error().message));
  }
  if (column.name == new_name) return false;
  if (schema.Find(new_name)) return Refuse(fmt::format("Column '{}' already exists", new_name));
  column.name = new_name;
  return true;
}

Result<bool> ChangeColumn(const catalog::Table& table, TableSchema& schema, const AlterTable& alter,
                          Services& services) {
  const std::string& name = alter.column.name;
  if (name == kSeqColumn || name == kDeletedColumn) {
    return Refuse(fmt::format("Cannot {} column '{}': system column cannot be {}",
                              alter.op == Op::kDropColumn ? "drop" : "modify", name,
                              alter.op == Op::kModifyColumn ? "altered" : "modified"));
  }
  const auto ordinal = schema.Find(name);
  if (!ordinal) return Refuse(fmt::format("Column '{}' does not exist", name));
  Column& column = schema.columns[*ordinal];
  switch (alter.op) {
    case Op::kDropColumn:
      if (column.primary_key)
        return Refuse(fmt::format("Cannot drop column '{}': it is the PRIMARY KEY", name));
      schema.columns.erase(schema.columns.begin() + static_cast<std::ptrdiff_t>(*ordinal));
      return true;
    case Op::kModifyColumn: {
      KALAM_ASSIGN(bool changed, ModifyColumn(column, alter, table, services));
      if (alter.column.nullable) {
        KALAM_ASSIGN(const bool nullability,
                     SetNullable(table, column, *ordinal, *alter.column.nullable, services));
        changed = changed || nullability;
      }
      return changed;
    }
    case Op::kSetNotNull:
      return SetNullable(table, column, *ordinal, false, services);
    case Op::kDropNotNull:
      return SetNullable(table, column, *ordinal, true, services);
    case Op::kSetDefault: {
      KALAM_ASSIGN(column.default_value, MakeDefault(alter.column.default_value, column.type, services));
      return true;
    }
    case Op::kDropDefault: {
      if (column.default_value.kind == DefaultKind::kNone) return false;
      column.default_value = ColumnDefault{};
      return true;
    }
    case Op::kRenameColumn:
      return RenameColumn(schema, column, alter.new_name);
    case Op::kAddColumn:
    case Op::kSetAccessLevel:
      break;
  }
  return Fail(ErrorCode::kInternal, "ALTER TABLE operation has no code");
}

// Applies the operation to a copy of the table; true = store it.
Result<bool> Apply(catalog::Table& table, const AlterTable& alter, const Request& request,
                   Services& services) {
  if (alter.op == Op::kSetAccessLevel) {
    if (table.type != TableType::kShared) return Refuse("ACCESS LEVEL can only be set on SHARED tables");
    if (table.access_level == alter.access_level) return false;
    table.access_level = alter.access_level;
    table.versions.push_back(table.versions.back());
    return true;
  }
  TableSchema next = table.versions.back();
  KALAM_ASSIGN(const bool changed, alter.op == Op::kAddColumn
                                       ? AddColumn(table, next, alter, request, services)
                                       : ChangeColumn(table, next, alter, services));
  if (changed) table.versions.push_back(std::move(next));
  return changed;
}

// Everyone may change USER and STREAM tables; SHARED ones those who may also write them.
Status MayAlter(const Principal& caller, const catalog::Table& table) {
  if (table.type != TableType::kShared) return {};
  if (caller.role < Role::kService) {
    return Fail(
        InsufficientRole("Insufficient privileges to alter table", "ALTER TABLE", caller, Role::kService));
  }
  return auth::Allow(caller, auth::Access::kWrite, table.type, table.access_level, table.full_name());
}

}  // namespace

Status AuthorizeAlterTable(const Statement& statement, const Principal& caller, const Services& services) {
  const auto& alter = std::get<AlterTable>(statement.body);
  if (system::IsSystemNamespace(alter.table.ns)) {
    return Refuse(fmt::format("Cannot alter system table '{}.{}'", alter.table.ns, alter.table.table));
  }
  const auto table = services.catalog.Snapshot()->FindTable(alter.table.ns, alter.table.table);
  return table ? MayAlter(caller, *table) : Status();
}

Result<Outcome> RunAlterTable(const Statement& statement, Request& request, Services& services) {
  const auto& alter = std::get<AlterTable>(statement.body);
  const std::string ns = alter.table.ns.empty() ? request.name_space : alter.table.ns;
  const auto current = services.catalog.Snapshot()->FindTable(ns, alter.table.table);
  if (current) KALAM_TRY(MayAlter(*request.principal, *current));
  bool changed = false;
  const auto apply = [&](catalog::Table& draft) -> Result<bool> {
    auto applied = Apply(draft, alter, request, services);
    changed = applied.value_or(false);
    return applied;
  };
  const auto verify = [&](const catalog::Table& strict) { return VerifyNoNulls(strict, alter, services); };
  const auto table = services.catalog.AlterTable(
      ns, alter.table.table, apply,
      AuditOf(request, services, "ALTER_TABLE", ns + "." + alter.table.table, OperationText(alter)), verify);
  if (!table) return Fail(table.error());
  const uint32_t version = (*table)->schema().version;
  const std::string full_name = (*table)->full_name();
  if (!changed) {
    return MessageOutcome(fmt::format("Table {} unchanged: {} (version {} - no changes needed)", full_name,
                                      OperationText(alter), version),
                          0);
  }
  return MessageOutcome(fmt::format("Table {} altered successfully: {} (version {})", full_name,
                                    OperationText(alter), version));
}

}  // namespace kalam::sql
