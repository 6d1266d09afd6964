// The whole statement surface: one row per kind. A missing or doubled kind does not compile.
#pragma once

#include <array>
#include <cstdint>
#include <string_view>

#include "base/error.h"
#include "model/principal.h"
#include "model/result.h"
#include "sql/parse/statement.h"
#include "sql/request.h"
#include "sql/services.h"

namespace kalam::sql {

// Who may run a statement, before any of its objects is looked at.
enum class Access : uint8_t {
  kUser,   // every authenticated caller; the tables it names decide
  kAdmin,  // dba and system
  kOwn,    // decided by the row's Authorize
};

enum class Effect : uint8_t { kRead, kWrite, kSchema, kUsers, kSession };

using AuthorizeFn = Status (*)(const Statement&, const Principal& caller, const Services&);
using RunFn = Result<Outcome> (*)(const Statement&, Request&, Services&);

struct HandlerRow {
  StatementKind kind;
  std::string_view name;  // "CREATE NAMESPACE"
  Access access;
  Effect effect;
  bool accepts_params;
  std::string_view admin_area;  // kAdmin: "namespace operations", as the refusal words it
  AuthorizeFn authorize;        // kOwn; nullptr otherwise
  RunFn run;
};

// The row of a kind; constant time.
const HandlerRow& HandlerOf(StatementKind kind);

// The role gate of one statement, run for every statement of a payload before the first one runs.
// kInsufficientRole with details required_roles, actual_role, operation.
Status AuthorizeStatement(const Statement& statement, const Principal& caller, const Services& services);

// The refusal in the protocol's words: `lowest` and the roles above it may; `lead` comes first ("Insufficient
// privileges to alter table").
Error InsufficientRole(std::string_view lead, std::string_view operation, const Principal& caller,
                       Role lowest = Role::kDba);

}  // namespace kalam::sql
