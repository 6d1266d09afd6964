// Audit entries of statements: built from what was parsed, never from text, so that no secret comes in.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "catalog/catalog.h"
#include "hot/batch.h"
#include "model/principal.h"
#include "model/result.h"
#include "sql/executor.h"
#include "sql/parse/statement.h"
#include "sql/request.h"
#include "sql/services.h"

namespace kalam::sql {

// The entry of a change of the catalog or of users, for the batch that makes it.
std::vector<hot::MetaOp> AuditOf(const Request& request, Services& services, std::string_view action,
                                 std::string_view target, std::optional<std::string> details = std::nullopt);

// Adds the entry of an INSERT, UPDATE or DELETE to its batch when `[audit] dml` asks for it.
void AuditRows(const Payload& payload, const Principal& effective, const catalog::Table& table,
               OutcomeKind kind, Services& services, std::vector<hot::MetaOp>& batch);

// Adds the entry of EXECUTE AS USER to a batch; nothing when the caller acts as itself.
void AuditImpersonation(const Payload& payload, const Statement& statement, Services& services,
                        std::vector<hot::MetaOp>& batch);
// The same for a statement without a batch of its own. Not waited for.
void SubmitImpersonation(const Payload& payload, const Statement& statement, Services& services);
// The refusal of one.
void SubmitDeniedImpersonation(const Payload& payload, std::string_view subject, Services& services);

}  // namespace kalam::sql
