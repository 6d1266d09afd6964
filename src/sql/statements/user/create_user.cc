// CREATE USER name WITH PASSWORD 'p' | OAUTH 'json' | INTERNAL ROLE role [EMAIL 'e']
#include <fmt/format.h>

#include <boost/json.hpp>

#include <utility>

#include "sql/audit.h"
#include "sql/handlers.h"
#include "sql/request.h"
#include "sql/statements/statements.h"
#include "sql/statements/user/account_rules.h"

namespace kalam::sql {
namespace {

Status CheckOauth(const std::string& json) {
  if (json.empty()) {
    return Fail(ErrorCode::kInvalidOperation,
                "Invalid operation: OAuth user requires JSON payload with provider and subject");
  }
  boost::system::error_code error;
  const boost::json::value value = boost::json::parse(json, error);
  if (error || !value.is_object()) {
    return Fail(ErrorCode::kInvalidOperation,
                "Invalid operation: Invalid OAuth JSON: expected an object with provider and subject");
  }
  for (const char* field : {"provider", "subject"}) {
    const boost::json::value* found = value.as_object().if_contains(field);
    if (found == nullptr || !found->is_string()) {
      return Fail(ErrorCode::kInvalidOperation,
                  fmt::format("Invalid operation: OAuth user requires '{}' field", field));
    }
  }
  return {};
}

}  // namespace

Result<Outcome> RunCreateUser(const Statement& statement, Request& request, Services& services) {
  const auto& create = std::get<CreateUser>(statement.body);
  KALAM_TRY(auth::ValidateUserId(create.user_id));
  if (create.role == Role::kSystem && request.principal->role != Role::kSystem) {
    return Fail(
        InsufficientRole("DBA cannot grant System role", "CREATE USER", *request.principal, Role::kSystem));
  }
  if (services.users.Find(create.user_id)) {
    if (create.if_not_exists)
      return MessageOutcome(fmt::format("User '{}' already exists", create.user_id), 0);
    return Fail(ErrorCode::kAlreadyExists,
                fmt::format("Already exists: User '{}' already exists", create.user_id));
  }
  auth::User user;
  user.user_id = create.user_id;
  user.role = create.role;
  user.email = create.email;
  switch (create.auth) {
    case CreateUser::Auth::kPassword: {
      KALAM_ASSIGN(user.password_hash, HashForStorage(create.secret, services));
      user.auth_type = auth::AuthType::kPassword;
      break;
    }
    case CreateUser::Auth::kOauth:
      KALAM_TRY(CheckOauth(create.secret));
      user.auth_type = auth::AuthType::kOauth;
      user.auth_data = create.secret;
      break;
    case CreateUser::Auth::kInternal:
      user.auth_type = auth::AuthType::kInternal;
      break;
  }
  user.storage_id = "local";
  std::string details = fmt::format("Role: {}", RoleTitle(user.role));
  KALAM_TRY(services.users.Create(
      std::move(user), AuditOf(request, services, "CREATE_USER", create.user_id, std::move(details))));
  return MessageOutcome(fmt::format("User '{}' created", create.user_id));
}

}  // namespace kalam::sql
