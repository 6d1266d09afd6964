// Who may read topics.
#pragma once

#include <string>
#include <string_view>

#include "base/error.h"
#include "model/principal.h"
#include "sql/handlers.h"

namespace kalam::sql {

// kInsufficientRole, `refusal` first, for roles below service.
inline Status RequireConsumer(const Principal& caller, std::string_view refusal, std::string_view operation) {
  if (caller.role >= Role::kService) return {};
  return Fail(InsufficientRole(refusal, operation, caller, Role::kService));
}

}  // namespace kalam::sql
