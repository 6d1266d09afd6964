#include <array>

#include "system/tables.h"

namespace kalam::system {

std::span<const SystemTable> SystemTables() {
  static const std::array kTables = {NamespacesTable(),
                                     TablesTable(),
                                     SchemasTable(),
                                     ColumnsTable(),
                                     UsersTable(),
                                     StoragesTable(),
                                     SettingsTable(),
                                     LiveTable(),
                                     JobsTable(),
                                     JobNodesTable(),
                                     TopicsTable(),
                                     TopicOffsetsTable(),
                                     TransactionsTable(),
                                     AuditLogTable(),
                                     ManifestTable(),
                                     StatsTable(),
                                     ClusterTable(),
                                     ClusterGroupsTable(),
                                     SessionsTable(),
                                     DatatypesTable(),
                                     DescribeTable(),
                                     ServerLogsTable(),
                                     TableSchemasTable(),
                                     InformationSchemaTables(),
                                     InformationSchemaColumns(),
                                     InformationSchemaSchemata(),
                                     InformationSchemaViews(),
                                     InformationSchemaSettings(),
                                     InformationSchemaRoutines(),
                                     InformationSchemaParameters()};
  return kTables;
}

}  // namespace kalam::system
