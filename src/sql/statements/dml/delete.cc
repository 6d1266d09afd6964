// DELETE: one batch, all or nothing.
#include "sql/statements/dml/write.h"
#include "sql/statements/statements.h"

namespace kalam::sql {

Result<Outcome> RunDelete(const Statement&, Request& request, Services& services) {
  return RunWrite(request, services);
}

}  // namespace kalam::sql
