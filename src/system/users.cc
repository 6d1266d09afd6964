// system.users: every account, deleted ones too. A password hash is never shown, since nobody has a use for
// it but an attacker.
#include <array>

#include "system/tables.h"

namespace kalam::system {
namespace {

std::span<const ResultColumn> Columns() {
  static const std::array<ResultColumn, 15> kColumns = {
      {{"user_id", Type(TypeKind::kText), true, true},
       {"password_hash", Type(TypeKind::kText), false, true},
       {"role", Type(TypeKind::kText), false, true},
       {"email", Type(TypeKind::kText), false, false},
       {"auth_type", Type(TypeKind::kText), false, true},
       {"auth_data", Type(TypeKind::kJson), false, false},
       {"storage_mode", Type(TypeKind::kText), false, true},
       {"storage_id", Type(TypeKind::kText), false, false},
       {"failed_login_attempts", Type(TypeKind::kInt), false, true},
       {"locked_until", Type(TypeKind::kTimestamp), false, false},
       {"last_login_at", Type(TypeKind::kTimestamp), false, false},
       {"created_at", Type(TypeKind::kTimestamp), false, true},
       {"updated_at", Type(TypeKind::kTimestamp), false, true},
       {"last_seen", Type(TypeKind::kTimestamp), false, false},
       {"deleted_at", Type(TypeKind::kTimestamp), false, false}}};
  return kColumns;
}

std::string_view AuthTypeName(auth::AuthType type) {
  switch (type) {
    case auth::AuthType::kPassword:
      return "password";
    case auth::AuthType::kOauth:
      return "oauth";
    case auth::AuthType::kInternal:
      return "internal";
  }
  return "unknown";
}

Status Rows(const SystemContext& context, RowSink& out) {
  for (const auth::UserPtr& user : context.users.List()) {
    const std::array<Value, 15> row = {
        Value::Text(user->user_id),
        Value::Text(user->password_hash.empty() ? "" : "***"),
        Value::Text(RoleName(user->role)),
        cells::TextOrNull(user->email),
        Value::Text(AuthTypeName(user->auth_type)),
        user->auth_data ? Value::Bytes(TypeKind::kJson, *user->auth_data) : Value::Null(TypeKind::kJson),
        Value::Text(user->storage_mode),
        cells::TextOrNull(user->storage_id),
        cells::Int(user->failed_login_attempts),
        cells::MillisOrNull(user->locked_until_ms),
        cells::MillisOrNull(user->last_login_at_ms),
        cells::Millis(user->created_at_ms),
        cells::Millis(user->updated_at_ms),
        cells::MillisOrNull(user->last_seen_ms),
        cells::MillisOrNull(user->deleted_at_ms)};
    KALAM_TRY(out.Row(row));
  }
  return {};
}

}  // namespace

SystemTable UsersTable() { return {"system", "users", Readers::kAdmins, &Columns, &Rows}; }

}  // namespace kalam::system
