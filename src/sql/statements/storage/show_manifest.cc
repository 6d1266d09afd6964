// SHOW MANIFEST: system.manifest, for administrators: it names every user with flushed rows.
#include "sql/request.h"
#include "sql/statements/statements.h"
#include "system/system_table.h"

namespace kalam::sql {

Result<Outcome> RunShowManifest(const Statement&, Request& request, Services& services) {
  const system::SystemTable* table = system::FindSystemTable("system", "manifest");
  request.response.Begin(table->columns());
  KALAM_TRY(table->rows(SystemContextOf(services, request.principal), request.response));
  return Outcome{OutcomeKind::kRows, request.response.rows(), {}};
}

}  // namespace kalam::sql
