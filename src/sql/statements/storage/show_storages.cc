// SHOW STORAGES: system.storages, for everybody; secrets are masked for everybody too.
#include "sql/request.h"
#include "sql/statements/statements.h"
#include "system/system_table.h"

namespace kalam::sql {

Result<Outcome> RunShowStorages(const Statement&, Request& request, Services& services) {
  const system::SystemTable* table = system::FindSystemTable("system", "storages");
  request.response.Begin(table->columns());
  KALAM_TRY(table->rows(SystemContextOf(services, request.principal), request.response));
  return Outcome{OutcomeKind::kRows, request.response.rows(), {}};
}

}  // namespace kalam::sql
