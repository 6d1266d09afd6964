// CREATE, ALTER, DROP STORAGE, SHOW STORAGES, STORAGE CHECK.
#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <optional>
#include <string>
#include <string_view>

#include "sql/parse/rules.h"

namespace kalam::sql {
namespace {

struct StorageClause {
  std::string_view word;
  std::optional<std::string> StorageText::* field;
};
constexpr auto kClauses = std::to_array<StorageClause>({
    {"TYPE", &StorageText::type},
    {"NAME", &StorageText::name},
    {"DESCRIPTION", &StorageText::description},
    {"PATH", &StorageText::path},
    {"BUCKET", &StorageText::bucket},
    {"REGION", &StorageText::region},
    {"BASE_DIRECTORY", &StorageText::base_directory},
    {"SHARED_TABLES_TEMPLATE", &StorageText::shared_tables_template},
    {"USER_TABLES_TEMPLATE", &StorageText::user_tables_template},
    {"CREDENTIALS", &StorageText::credentials},
    {"CONFIG", &StorageText::config},
});

const StorageClause* FindClause(const Token& token) {
  for (const StorageClause& clause : kClauses) {
    if (IsWord(token, clause.word)) return &clause;
  }
  return nullptr;
}

// The clause's value; `word` is its keyword, just taken.
Status ReadClause(TokenReader& reader, const StorageClause& clause, StorageText& text) {
  if (clause.word == "CREDENTIALS" || clause.word == "CONFIG") reader.HideTokens();
  std::optional<std::string>& field = text.*clause.field;
  if (field) return reader.Refuse(fmt::format("{} is given twice", clause.word));
  reader.AcceptSymbol("=");
  const Token& value = reader.Peek();
  if (value.kind == TokenKind::kString) {
    field = StringContent(reader.Take());
    return {};
  }
  if (clause.word == "TYPE" && value.kind == TokenKind::kWord) {
    field = std::string(reader.Take().text);
    return {};
  }
  return reader.SyntaxError(fmt::format("a text in single quotes after {}", clause.word));
}

Result<std::string> ReadStorageId(TokenReader& reader) {
  if (reader.AtEnd()) return reader.SyntaxError("a storage id");
  const Token& token = reader.Peek();
  std::string id = token.kind == TokenKind::kString ? StringContent(reader.Take()) : reader.ReadLoose();
  const bool plain = !id.empty() && std::all_of(id.begin(), id.end(), [](char c) {
    return c == '-' || IsPlainName(std::string_view(&c, 1));
  });
  if (!plain || id.size() > 64) {
    return reader.Refuse(
        fmt::format("Invalid storage id '{}'. Only alphanumeric, underscore, and hyphen allowed, at most 64 "
                    "characters.",
                    id),
        token);
  }
  return id;
}

}  // namespace

Result<StatementBody> ParseCreateStorage(TokenReader& reader) {
  KALAM_TRY(reader.ExpectWord("STORAGE"));
  CreateStorage statement;
  statement.if_not_exists = reader.AcceptIfNotExists();
  KALAM_ASSIGN(statement.storage_id, ReadStorageId(reader));
  while (!reader.AtEnd()) {
    const StorageClause* clause = FindClause(reader.Peek());
    if (clause == nullptr) {
      return reader.SyntaxError(
          "TYPE, NAME, DESCRIPTION, PATH, BUCKET, REGION, BASE_DIRECTORY, "
          "SHARED_TABLES_TEMPLATE, USER_TABLES_TEMPLATE, CREDENTIALS or CONFIG");
    }
    reader.Take();
    KALAM_TRY(ReadClause(reader, *clause, statement.text));
  }
  if (!statement.text.type) return reader.SyntaxError("TYPE 'filesystem' or TYPE 's3'");
  return statement;
}

Result<StatementBody> ParseAlterStorage(TokenReader& reader) {
  KALAM_TRY(reader.ExpectWord("STORAGE"));
  AlterStorage statement;
  KALAM_ASSIGN(statement.storage_id, ReadStorageId(reader));
  do {
    KALAM_TRY(reader.ExpectWord("SET"));
    do {
      const StorageClause* clause = FindClause(reader.Peek());
      constexpr std::array<std::string_view, 5> kFixed = {"TYPE", "PATH", "BUCKET", "REGION",
                                                          "BASE_DIRECTORY"};
      if (clause != nullptr && std::find(kFixed.begin(), kFixed.end(), clause->word) != kFixed.end()) {
        return reader.Refuse(
            fmt::format("ALTER STORAGE cannot change {}: files of tables are there. Create another "
                        "storage instead",
                        clause->word));
      }
      if (clause == nullptr) {
        return reader.SyntaxError(
            "NAME, DESCRIPTION, SHARED_TABLES_TEMPLATE, USER_TABLES_TEMPLATE, CREDENTIALS or "
            "CONFIG");
      }
      reader.Take();
      KALAM_TRY(ReadClause(reader, *clause, statement.text));
    } while (reader.AcceptSymbol(","));
  } while (!reader.AtEnd());
  return statement;
}

Result<StatementBody> ParseDropStorage(TokenReader& reader) {
  KALAM_TRY(reader.ExpectWord("STORAGE"));
  DropStorage statement;
  statement.if_exists = reader.AcceptIfExists();
  KALAM_ASSIGN(statement.storage_id, ReadStorageId(reader));
  KALAM_TRY(reader.ExpectEnd());
  return statement;
}

Result<StatementBody> ParseShowStorages(TokenReader& reader) {
  KALAM_TRY(reader.ExpectWord("STORAGES"));
  KALAM_TRY(reader.ExpectEnd());
  return ShowStorages{};
}

Result<StatementBody> ParseCheckStorage(TokenReader& reader) {
  // STORAGE CHECK id, or CHECK STORAGE id.
  if (!reader.AcceptWord("CHECK")) KALAM_TRY(reader.ExpectWord("STORAGE"));
  CheckStorage statement;
  KALAM_ASSIGN(statement.storage_id, ReadStorageId(reader));
  statement.extended = reader.AcceptWord("EXTENDED");
  KALAM_TRY(reader.ExpectEnd());
  return statement;
}

}  // namespace kalam::sql
