// BEGIN, COMMIT, ROLLBACK: parsed and refused in this version with the contract's answer.
#include "sql/request.h"
#include "sql/statements/statements.h"

namespace kalam::sql {

Result<Outcome> RunTransactionControl(const Statement&, Request&, Services&) {
  return Fail(Error(ErrorCode::kUnsupported, "Transaction support planned for Phase 11")
                  .With("feature", std::string("transactions"))
                  .With("planned_phase", std::string("Phase 11")));
}

}  // namespace kalam::sql
