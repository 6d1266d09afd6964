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
                                     InformationSchemaTables(),
                                     InformationSchemaColumns(),
                                     InformationSchemaSchemata()};
  return kTables;
}

}  // namespace kalam::system
