// Every system table's definition, in the order of list.cc. Each is defined in the file of its name.
#pragma once

#include <optional>
#include <string>

#include "system/system_table.h"

namespace kalam::system {

SystemTable NamespacesTable();
SystemTable TablesTable();
SystemTable SchemasTable();
SystemTable ColumnsTable();
SystemTable UsersTable();
SystemTable StoragesTable();
SystemTable SettingsTable();
SystemTable LiveTable();
SystemTable JobsTable();
SystemTable JobNodesTable();
SystemTable TopicsTable();
SystemTable TopicOffsetsTable();
SystemTable TransactionsTable();
SystemTable AuditLogTable();
SystemTable ManifestTable();
SystemTable StatsTable();
SystemTable ClusterTable();
SystemTable ClusterGroupsTable();
SystemTable SessionsTable();
SystemTable DatatypesTable();
SystemTable DescribeTable();
SystemTable ServerLogsTable();
SystemTable TableSchemasTable();
SystemTable InformationSchemaTables();
SystemTable InformationSchemaColumns();
SystemTable InformationSchemaSchemata();
SystemTable InformationSchemaViews();
SystemTable InformationSchemaSettings();
SystemTable InformationSchemaRoutines();
SystemTable InformationSchemaParameters();

// What the tables share.
namespace cells {
inline Value TextOrNull(const std::optional<std::string>& text) {
  return text ? Value::Text(*text) : Value::Null(TypeKind::kText);
}
inline Value MillisOrNull(const std::optional<int64_t>& millis) {
  return millis ? Value::Integer(TypeKind::kTimestamp, *millis * 1000) : Value::Null(TypeKind::kTimestamp);
}
inline Value Millis(int64_t millis) { return Value::Integer(TypeKind::kTimestamp, millis * 1000); }
inline Value Int(int64_t n) { return Value::Integer(TypeKind::kInt, n); }
}  // namespace cells

// The options of a table as the JSON object that clients read.
std::string TableOptionsJson(const catalog::Table& table);
// The columns of one version as a JSON array.
std::string SchemaColumnsJson(const TableSchema& schema);

}  // namespace kalam::system
