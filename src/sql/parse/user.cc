// CREATE, ALTER and DROP USER. Errors show no tokens: a badly quoted password falls into several.
#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <optional>
#include <string>

#include "sql/parse/rules.h"

namespace kalam::sql {
namespace {

constexpr std::string_view kCreateHint =
    "CREATE USER <name> WITH (PASSWORD '<password>' | OAUTH ['<json>'] | INTERNAL) ROLE <role> [EMAIL "
    "'<email>']";
constexpr std::string_view kAlterHint =
    "ALTER USER <name> SET (PASSWORD '<password>' | ROLE <role> | EMAIL '<email>')";
constexpr std::string_view kDropHint = "DROP USER [IF EXISTS] <name> [CASCADE]";
constexpr std::string_view kRoleHint = "Valid roles: user, service, dba, system";

struct RoleWord {
  std::string_view word;
  Role role;
};
constexpr auto kRoleWords = std::to_array<RoleWord>({{"USER", Role::kUser},
                                                     {"VIEWER", Role::kUser},
                                                     {"READONLY", Role::kUser},
                                                     {"SERVICE", Role::kService},
                                                     {"DEVELOPER", Role::kService},
                                                     {"ANALYST", Role::kService},
                                                     {"DBA", Role::kDba},
                                                     {"ADMIN", Role::kDba},
                                                     {"SYSTEM", Role::kSystem}});

std::unexpected<Error> Hint(const TokenReader& reader, std::string_view what, std::string_view hint) {
  return reader.Refuse(fmt::format("{}. Hint: {}", what, hint));
}

// User ids keep their case.
Result<std::string> ReadUserId(TokenReader& reader, std::string_view statement, std::string_view hint) {
  const std::string missing = fmt::format("Expected username after {}", statement);
  if (reader.AtEnd()) return Hint(reader, missing, hint);
  std::string id = reader.ReadLoose();
  if (id.empty()) return Hint(reader, missing, hint);
  return id;
}

Result<Role> ReadRole(TokenReader& reader, std::string_view hint) {
  if (reader.AtEnd()) return Hint(reader, "Expected role after ROLE", hint);
  const std::string name = reader.ReadLoose();
  const std::string upper = UpperCase(name);
  const auto* found = std::find_if(kRoleWords.begin(), kRoleWords.end(),
                                   [&](const RoleWord& row) { return row.word == upper; });
  if (found == kRoleWords.end()) return Hint(reader, fmt::format("Invalid role '{}'", name), kRoleHint);
  return found->role;
}

Result<std::string> ReadEmail(TokenReader& reader, std::string_view hint) {
  if (reader.Peek().kind != TokenKind::kString)
    return Hint(reader, "Expected quoted e-mail address after EMAIL", hint);
  return StringContent(reader.Take());
}

Result<std::string> ReadPassword(TokenReader& reader) {
  if (reader.Peek().kind != TokenKind::kString) return reader.Refuse("Password required for WITH PASSWORD");
  std::string password = StringContent(reader.Take());
  if (password.empty()) return reader.Refuse("Password required for WITH PASSWORD");
  return password;
}

Status ReadAuth(TokenReader& reader, CreateUser& statement) {
  if (reader.AcceptWord("PASSWORD")) {
    statement.auth = CreateUser::Auth::kPassword;
    KALAM_ASSIGN(statement.secret, ReadPassword(reader));
  } else if (reader.AcceptWord("OAUTH")) {
    statement.auth = CreateUser::Auth::kOauth;
    if (reader.Peek().kind == TokenKind::kString) statement.secret = StringContent(reader.Take());
  } else if (reader.AcceptWord("INTERNAL")) {
    statement.auth = CreateUser::Auth::kInternal;
  } else {
    return Hint(reader, "Expected PASSWORD, OAUTH, or INTERNAL after WITH", kCreateHint);
  }
  return {};
}

}  // namespace

Result<StatementBody> ParseCreateUser(TokenReader& reader) {
  reader.HideTokens();
  KALAM_TRY(reader.ExpectWord("USER"));
  CreateUser statement;
  statement.if_not_exists = reader.AcceptIfNotExists();
  KALAM_ASSIGN(statement.user_id, ReadUserId(reader, "CREATE USER", kCreateHint));
  if (!reader.AcceptWord("WITH")) return Hint(reader, "Expected WITH after username", kCreateHint);
  KALAM_TRY(ReadAuth(reader, statement));
  // Without ROLE the user gets the least powerful one.
  if (reader.AcceptWord("ROLE")) {
    KALAM_ASSIGN(statement.role, ReadRole(reader, kCreateHint));
  } else if (!reader.AtEnd() && !reader.PeekWord("EMAIL")) {
    return Hint(reader, "Expected ROLE keyword", kCreateHint);
  }
  if (reader.AcceptWord("EMAIL")) {
    KALAM_ASSIGN(statement.email, ReadEmail(reader, kCreateHint));
  }
  KALAM_TRY(reader.ExpectEnd());
  return statement;
}

Result<StatementBody> ParseAlterUser(TokenReader& reader) {
  reader.HideTokens();
  KALAM_TRY(reader.ExpectWord("USER"));
  AlterUser statement;
  KALAM_ASSIGN(statement.user_id, ReadUserId(reader, "ALTER USER", kAlterHint));
  if (!reader.AcceptWord("SET")) return Hint(reader, "Expected SET after username", kAlterHint);
  if (reader.AcceptWord("PASSWORD")) {
    statement.op = AlterUser::Op::kPassword;
    KALAM_ASSIGN(statement.text, ReadPassword(reader));
  } else if (reader.AcceptWord("ROLE")) {
    statement.op = AlterUser::Op::kRole;
    KALAM_ASSIGN(statement.role, ReadRole(reader, kAlterHint));
  } else if (reader.AcceptWord("EMAIL")) {
    statement.op = AlterUser::Op::kEmail;
    KALAM_ASSIGN(statement.text, ReadEmail(reader, kAlterHint));
  } else {
    return Hint(reader, "Expected PASSWORD, ROLE, or EMAIL after SET", kAlterHint);
  }
  KALAM_TRY(reader.ExpectEnd());
  return statement;
}

Result<StatementBody> ParseDropUser(TokenReader& reader) {
  KALAM_TRY(reader.ExpectWord("USER"));
  DropUser statement;
  statement.if_exists = reader.AcceptIfExists();
  KALAM_ASSIGN(statement.user_id, ReadUserId(reader, "DROP USER", kDropHint));
  statement.cascade = reader.AcceptWord("CASCADE");
  KALAM_TRY(reader.ExpectEnd());
  return statement;
}

}  // namespace kalam::sql
