#include "sql/parse/parse.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <optional>
#include <utility>

#include "sql/parse/rules.h"
#include "sql/parse/token_reader.h"

namespace kalam::sql {
namespace {

using Words = std::array<std::string_view, 5>;  // unused ones are empty

// Statements that are parsed here. The parser starts behind the first word.
struct Rule {
  Words words;
  StatementKind kind;
  Result<StatementBody> (*parse)(TokenReader&);
};
constexpr auto kRules = std::to_array<Rule>({
    {{"CREATE", "NAMESPACE"}, StatementKind::kCreateNamespace, &ParseCreateNamespace},
    {{"ALTER", "NAMESPACE"}, StatementKind::kAlterNamespace, &ParseAlterNamespace},
    {{"DROP", "NAMESPACE"}, StatementKind::kDropNamespace, &ParseDropNamespace},
    {{"SHOW", "NAMESPACES"}, StatementKind::kShowNamespaces, &ParseShowNamespaces},
    {{"USE"}, StatementKind::kUseNamespace, &ParseUseNamespace},
    {{"SET", "NAMESPACE"}, StatementKind::kUseNamespace, &ParseUseNamespace},
    {{"CREATE", "TABLE"}, StatementKind::kCreateTable, &ParseCreateTable},
    {{"CREATE", "USER", "TABLE"}, StatementKind::kCreateTable, &ParseCreateTable},
    {{"CREATE", "SHARED", "TABLE"}, StatementKind::kCreateTable, &ParseCreateTable},
    {{"CREATE", "STREAM", "TABLE"}, StatementKind::kCreateTable, &ParseCreateTable},
    {{"ALTER", "TABLE"}, StatementKind::kAlterTable, &ParseAlterTable},
    {{"ALTER", "USER", "TABLE"}, StatementKind::kAlterTable, &ParseAlterTable},
    {{"ALTER", "SHARED", "TABLE"}, StatementKind::kAlterTable, &ParseAlterTable},
    {{"ALTER", "STREAM", "TABLE"}, StatementKind::kAlterTable, &ParseAlterTable},
    {{"DROP", "TABLE"}, StatementKind::kDropTable, &ParseDropTable},
    {{"DROP", "USER", "TABLE"}, StatementKind::kDropTable, &ParseDropTable},
    {{"DROP", "SHARED", "TABLE"}, StatementKind::kDropTable, &ParseDropTable},
    {{"DROP", "STREAM", "TABLE"}, StatementKind::kDropTable, &ParseDropTable},
    {{"SHOW", "TABLES"}, StatementKind::kShowTables, &ParseShowTables},
    {{"DESCRIBE"}, StatementKind::kDescribeTable, &ParseDescribeTable},
    {{"DESC"}, StatementKind::kDescribeTable, &ParseDescribeTable},
    {{"CREATE", "USER"}, StatementKind::kCreateUser, &ParseCreateUser},
    {{"ALTER", "USER"}, StatementKind::kAlterUser, &ParseAlterUser},
    {{"DROP", "USER"}, StatementKind::kDropUser, &ParseDropUser},
    {{"CREATE", "STORAGE"}, StatementKind::kCreateStorage, &ParseCreateStorage},
    {{"ALTER", "STORAGE"}, StatementKind::kAlterStorage, &ParseAlterStorage},
    {{"DROP", "STORAGE"}, StatementKind::kDropStorage, &ParseDropStorage},
    {{"SHOW", "STORAGES"}, StatementKind::kShowStorages, &ParseShowStorages},
    {{"STORAGE", "CHECK"}, StatementKind::kCheckStorage, &ParseCheckStorage},
    {{"CHECK", "STORAGE"}, StatementKind::kCheckStorage, &ParseCheckStorage},
    {{"CREATE", "TOPIC"}, StatementKind::kCreateTopic, &ParseCreateTopic},
    {{"ALTER", "TOPIC"}, StatementKind::kAlterTopic, &ParseAlterTopic},
    {{"DROP", "TOPIC"}, StatementKind::kDropTopic, &ParseDropTopic},
    {{"CLEAR", "TOPIC"}, StatementKind::kClearTopic, &ParseClearTopic},
    {{"CONSUME"}, StatementKind::kConsume, &ParseConsume},
    {{"ACK"}, StatementKind::kAck, &ParseAck},
    {{"BEGIN"}, StatementKind::kBegin, &ParseTransactionControl},
    {{"START", "TRANSACTION"}, StatementKind::kBegin, &ParseTransactionControl},
    {{"COMMIT"}, StatementKind::kCommit, &ParseTransactionControl},
    {{"ROLLBACK"}, StatementKind::kRollback, &ParseTransactionControl},
    {{"STORAGE", "FLUSH", "TABLE"}, StatementKind::kFlushTable, &ParseFlushTable},
    {{"FLUSH", "TABLE"}, StatementKind::kFlushTable, &ParseFlushTable},
    {{"STORAGE", "FLUSH", "ALL"}, StatementKind::kFlushAll, &ParseFlushAll},
    {{"FLUSH", "ALL"}, StatementKind::kFlushAll, &ParseFlushAll},
    {{"STORAGE", "COMPACT", "TABLE"}, StatementKind::kCompactTable, &ParseFlushTable},
    {{"COMPACT", "TABLE"}, StatementKind::kCompactTable, &ParseFlushTable},
    {{"STORAGE", "COMPACT", "ALL"}, StatementKind::kCompactAll, &ParseFlushAll},
    {{"COMPACT", "ALL"}, StatementKind::kCompactAll, &ParseFlushAll},
    {{"KILL", "JOB"}, StatementKind::kKillJob, &ParseKillJob},
    {{"BACKUP"}, StatementKind::kBackup, &ParseBackup},
    {{"RESTORE"}, StatementKind::kRestore, &ParseRestore},
    {{"SHOW", "STATS"}, StatementKind::kShowStats, &ParseShowStats},
    {{"SHOW", "COLUMNS"}, StatementKind::kShowColumns, &ParseShowColumns},
    {{"SHOW", "ALL"}, StatementKind::kShowAll, &ParseShowAll},
    {{"SET"}, StatementKind::kSet, &ParseSet},
    {{"KILL", "LIVE", "QUERY"}, StatementKind::kKillLiveQuery, &ParseKillLiveQuery},
    {{"SUBSCRIBE", "TO"}, StatementKind::kSubscribe, &ParseSubscribe},
    {{"SUBSCRIBE"}, StatementKind::kSubscribe, &ParseSubscribe},
    {{"CLUSTER"}, StatementKind::kCluster, &ParseCluster},
    {{"SHOW", "LIMITS"}, StatementKind::kShowLimits, &ParseShowLimits},
    {{"EXPORT", "USER"}, StatementKind::kExportUserData, &ParseExportUserData},
    {{"SHOW", "EXPORT"}, StatementKind::kShowExport, &ParseShowExport},
    {{"SHOW", "MANIFEST"}, StatementKind::kShowManifest, &ParseShowManifest},
    {{"CREATE", "VIEW"}, StatementKind::kCreateView, &ParseCreateView},
    {{"CREATE", "OR", "REPLACE", "VIEW"}, StatementKind::kCreateView, &ParseCreateView},
    {{"DROP", "VIEW"}, StatementKind::kDropView, &ParseDropView},
});

// Statements that are known but not built; `name` begins the error.
struct Planned {
  Words words;
  std::string_view name;
};
constexpr auto kPlanned = std::to_array<Planned>({
    {{"CREATE", "MATERIALIZED", "VIEW"}, "MATERIALIZED VIEWS are"},
    {{"CREATE", "OR", "REPLACE", "MATERIALIZED", "VIEW"}, "MATERIALIZED VIEWS are"},
    {{"CREATE", "TEMP", "VIEW"}, "TEMPORARY VIEWS are"},
    {{"CREATE", "TEMPORARY", "VIEW"}, "TEMPORARY VIEWS are"},
});

bool Matches(const TokenReader& reader, const Words& words) {
  for (size_t i = 0; i < words.size() && !words[i].empty(); ++i) {
    if (!reader.PeekWord(words[i], i)) return false;
  }
  return true;
}

struct DataWord {
  std::string_view word;
  StatementKind kind;
};
constexpr auto kDataWords = std::to_array<DataWord>({{"SELECT", StatementKind::kSelect},
                                                     {"INSERT", StatementKind::kInsert},
                                                     {"UPDATE", StatementKind::kUpdate},
                                                     {"DELETE", StatementKind::kDelete},
                                                     {"EXPLAIN", StatementKind::kExplain},
                                                     {"VALUES", StatementKind::kSelect},
                                                     {"FROM", StatementKind::kSelect}});

std::optional<StatementKind> DataKind(const Token& token) {
  for (const DataWord& row : kDataWords) {
    if (IsWord(token, row.word)) return row.kind;
  }
  return std::nullopt;
}

// WITH a AS (...), b (c) AS (...) INSERT ...: the word behind the last closing parenthesis of the list. A
// common table expression may be called `delete`, but its name never follows a parenthesis.
StatementKind KindBehindWith(const std::vector<Token>& tokens) {
  size_t depth = 0;
  for (size_t i = 1; i < tokens.size(); ++i) {
    const Token& token = tokens[i];
    if (token.kind == TokenKind::kSymbol && token.text == "(") ++depth;
    if (token.kind == TokenKind::kSymbol && token.text == ")" && depth > 0) --depth;
    if (depth > 0 || tokens[i - 1].text != ")" || tokens[i - 1].kind != TokenKind::kSymbol) continue;
    if (const auto kind = DataKind(token); kind.has_value()) return *kind;
  }
  return StatementKind::kSelect;
}

// SELECT, INSERT, UPDATE, DELETE and EXPLAIN, which the engine parses.
std::optional<StatementKind> ClassifyData(const std::vector<Token>& tokens) {
  if (const auto kind = DataKind(tokens[0]); kind.has_value()) return kind;
  if (IsWord(tokens[0], "WITH")) return KindBehindWith(tokens);
  // (SELECT ...) UNION (SELECT ...)
  size_t i = 0;
  while (i < tokens.size() && tokens[i].kind == TokenKind::kSymbol && tokens[i].text == "(") ++i;
  if (i == 0 || i == tokens.size()) return std::nullopt;
  if (IsWord(tokens[i], "WITH") || DataKind(tokens[i]) == StatementKind::kSelect)
    return StatementKind::kSelect;
  return std::nullopt;
}

// First words of SQL statements that this server does not have; every other word is a mistake in spelling.
constexpr auto kForeignVerbs = std::to_array<std::string_view>(
    {"ABORT",   "ALTER",   "ANALYZE",    "ATTACH",    "CALL",    "CHECKPOINT", "CLEAR",    "COMMENT",
     "COPY",    "CREATE",  "DEALLOCATE", "DECLARE",   "DETACH",  "DISCARD",    "DO",       "DROP",
     "END",     "EXECUTE", "EXPORT",     "FETCH",     "FLUSH",   "GRANT",      "IMPORT",   "INSTALL",
     "KILL",    "LISTEN",  "LOAD",       "LOCK",      "MERGE",   "NOTIFY",     "PIVOT",    "PRAGMA",
     "PREPARE", "REFRESH", "REINDEX",    "RELEASE",   "REPLACE", "RESET",      "REVOKE",   "SAVEPOINT",
     "SHOW",    "START",   "STORAGE",    "SUMMARIZE", "TABLE",   "TRUNCATE",   "UNLISTEN", "UNPIVOT",
     "UPSERT",  "VACUUM"});

// What people who know another database try, and what does it here.
struct Instead {
  std::string_view words;
  std::string_view hint;
};
constexpr auto kInstead = std::to_array<Instead>({
    {"ABORT", "ROLLBACK"},
    {"ALTER DATABASE", "ALTER NAMESPACE name SET OPTIONS (key = value)"},
    {"ALTER SCHEMA", "ALTER NAMESPACE name SET OPTIONS (key = value)"},
    {"ALTER VIEW", "CREATE OR REPLACE VIEW name AS query"},
    {"ANALYZE", "nothing is needed: statistics are kept up to date"},
    {"CALL", "there are no procedures; send several statements in one request"},
    {"CHECKPOINT", "nothing is needed: what was answered is durable"},
    {"COPY", "INSERT with many rows; EXPORT USER DATA or BACKUP to get rows out"},
    {"CREATE DATABASE", "CREATE NAMESPACE name"},
    {"CREATE EXTENSION", "there are no extensions"},
    {"CREATE FUNCTION", "there are no stored functions; CREATE VIEW name AS query"},
    {"CREATE INDEX", "the PRIMARY KEY of a table is its index, there are no others"},
    {"CREATE PROCEDURE", "there are no procedures; send several statements in one request"},
    {"CREATE ROLE", "CREATE USER name WITH PASSWORD 'password' ROLE role"},
    {"CREATE SCHEMA", "CREATE NAMESPACE name"},
    {"CREATE SEQUENCE", "a column with DEFAULT SNOWFLAKE_ID()"},
    {"CREATE TEMP", "WITH name AS (query), or a STREAM table with TTL_SECONDS"},
    {"CREATE TEMPORARY", "WITH name AS (query), or a STREAM table with TTL_SECONDS"},
    {"CREATE TRIGGER", "CREATE TOPIC and ALTER TOPIC ... ADD SOURCE, or a live query"},
    {"CREATE TYPE", "TEXT, or JSON for structures"},
    {"CREATE UNIQUE", "the PRIMARY KEY of a table is its index, there are no others"},
    {"CREATE UNLOGGED", "CREATE STREAM TABLE for rows that expire"},
    {"DEALLOCATE", "nothing is needed: plans are kept by the server; send parameters as $1, $2, ..."},
    {"DECLARE", "SELECT with LIMIT and a condition on the last key that was read"},
    {"DISCARD", "nothing is needed: a request has no session that outlives it"},
    {"DO", "send several statements in one request"},
    {"DROP DATABASE", "DROP NAMESPACE name"},
    {"DROP INDEX", "the PRIMARY KEY of a table is its index, there are no others"},
    {"DROP ROLE", "DROP USER name"},
    {"DROP SCHEMA", "DROP NAMESPACE name"},
    {"END", "COMMIT"},
    {"EXECUTE",
     "SELECT, INSERT, UPDATE or DELETE with parameters $1, $2, ...; EXECUTE AS USER name (statement)"},
    {"FETCH", "SELECT with LIMIT and a condition on the last key that was read"},
    {"GRANT", "ALTER TABLE name SET ACCESS LEVEL level, ALTER USER name SET ROLE role"},
    {"LISTEN", "a live query over WebSocket (SUBSCRIBE TO name), or CONSUME FROM topic"},
    {"LOCK", "BEGIN; ...; COMMIT sees one snapshot and commits as a whole"},
    {"MERGE", "UPDATE first, and INSERT when that changed no row"},
    {"NOTIFY", "INSERT into a STREAM table, which live queries follow"},
    {"PRAGMA", "DESCRIBE TABLE name, SHOW ALL"},
    {"PREPARE", "send parameters as $1, $2, ...; plans are kept by the server"},
    {"REINDEX", "nothing is needed: the index of the PRIMARY KEY is always complete"},
    {"RELEASE", "BEGIN; ...; COMMIT without savepoints"},
    {"REPLACE", "UPDATE first, and INSERT when that changed no row"},
    {"RESET", "settings are changed in the configuration file"},
    {"REVOKE", "ALTER TABLE name SET ACCESS LEVEL level, ALTER USER name SET ROLE role"},
    {"SAVEPOINT", "BEGIN; ...; COMMIT without savepoints"},
    {"SHOW CLIENT_ENCODING", "texts are in UTF-8"},
    {"SHOW CREATE", "DESCRIBE TABLE name"},
    {"SHOW DATABASES", "SHOW NAMESPACES"},
    {"SHOW FIELDS", "DESCRIBE TABLE name"},
    {"SHOW FULL", "SHOW TABLES, SHOW COLUMNS FROM name"},
    {"SHOW FUNCTIONS", "SELECT routine_name FROM information_schema.routines"},
    {"SHOW GRANTS", "SELECT user_id, role FROM system.users"},
    {"SHOW INDEX", "DESCRIBE TABLE name: the PRIMARY KEY is the only index"},
    {"SHOW INDEXES", "DESCRIBE TABLE name: the PRIMARY KEY is the only index"},
    {"SHOW JOBS", "SELECT * FROM system.jobs"},
    {"SHOW LIVE", "SELECT * FROM system.live"},
    {"SHOW PROCESSLIST", "SELECT * FROM system.live, SELECT * FROM system.transactions"},
    {"SHOW ROLES", "SELECT user_id, role FROM system.users"},
    {"SHOW SCHEMAS", "SHOW NAMESPACES"},
    {"SHOW SEARCH_PATH", "the namespace_id of the request, or USE name"},
    {"SHOW SERVER_VERSION", "SELECT version()"},
    {"SHOW SETTINGS", "SHOW ALL"},
    {"SHOW STATUS", "SELECT * FROM system.stats"},
    {"SHOW TIME", "times are in UTC"},
    {"SHOW TIMEZONE", "times are in UTC"},
    {"SHOW TOPICS", "SELECT * FROM system.topics"},
    {"SHOW TRANSACTION", "a transaction sees one snapshot and commits as a whole"},
    {"SHOW USERS", "SELECT * FROM system.users"},
    {"SHOW VARIABLES", "SHOW ALL"},
    {"SHOW VERSION", "SELECT version()"},
    {"SHOW VIEWS", "SELECT * FROM information_schema.views"},
    {"SUMMARIZE", "SELECT with COUNT, MIN, MAX, AVG, ..."},
    {"TABLE", "SELECT * FROM name"},
    {"TRUNCATE", "DELETE FROM name WHERE true"},
    {"UPSERT", "UPDATE first, and INSERT when that changed no row"},
    {"VACUUM", "STORAGE COMPACT TABLE name; old versions are removed by jobs"},
});

std::unexpected<Error> UnknownStatement(const TokenReader& reader) {
  const auto is_first = [&](std::string_view verb) { return IsWord(reader.Peek(), verb); };
  if (std::none_of(kForeignVerbs.begin(), kForeignVerbs.end(), is_first))
    return reader.SyntaxError("a statement");
  // The second word tells CREATE INDEX from CREATE SEQUENCE; elsewhere it is a name or a value.
  std::string words = UpperCase(reader.Peek().text);
  for (std::string_view verb :
       {"CREATE", "ALTER", "DROP", "SHOW", "STORAGE", "FLUSH", "KILL", "START", "CLEAR", "EXPORT"}) {
    if (words == verb && reader.Peek(1).kind == TokenKind::kWord) {
      words.append(" ").append(UpperCase(reader.Peek(1).text));
      break;
    }
  }
  const auto known = std::find_if(kInstead.begin(), kInstead.end(),
                                  [&](const Instead& instead) { return instead.words == words; });
  if (known == kInstead.end()) return reader.Refuse(fmt::format("Unsupported statement type: {}", words));
  return reader.Refuse(fmt::format("Unsupported statement type: {}. Hint: {}", words, known->hint));
}

Result<Statement> ParseUnwrapped(const StatementText& text) {
  Statement statement;
  statement.text = text.text;
  if (const auto kind = ClassifyData(text.tokens); kind.has_value()) {
    statement.kind = *kind;
    return statement;
  }
  TokenReader reader(text);
  if (reader.Peek().kind != TokenKind::kWord) return reader.SyntaxError("a statement");
  for (const Rule& rule : kRules) {
    if (!Matches(reader, rule.words)) continue;
    statement.kind = rule.kind;
    reader.Take();
    KALAM_ASSIGN(statement.body, rule.parse(reader));
    return statement;
  }
  for (const Planned& planned : kPlanned) {
    if (!Matches(reader, planned.words)) continue;
    return Fail(Error(ErrorCode::kUnsupported, fmt::format("{} not supported yet", planned.name))
                    .With("feature", std::string(planned.name.substr(0, planned.name.rfind(' ')))));
  }
  return UnknownStatement(reader);
}

struct KindNames {
  StatementKind kind;
  std::string_view name;
  std::string_view type_name;
};
constexpr auto kKindNames = std::to_array<KindNames>({
    {StatementKind::kSelect, "SELECT", "Select"},
    {StatementKind::kInsert, "INSERT", "Insert"},
    {StatementKind::kUpdate, "UPDATE", "Update"},
    {StatementKind::kDelete, "DELETE", "Delete"},
    {StatementKind::kExplain, "EXPLAIN", "Explain"},
    {StatementKind::kCreateNamespace, "CREATE NAMESPACE", "CreateNamespace"},
    {StatementKind::kAlterNamespace, "ALTER NAMESPACE", "AlterNamespace"},
    {StatementKind::kDropNamespace, "DROP NAMESPACE", "DropNamespace"},
    {StatementKind::kShowNamespaces, "SHOW NAMESPACES", "ShowNamespaces"},
    {StatementKind::kUseNamespace, "USE NAMESPACE", "UseNamespace"},
    {StatementKind::kCreateTable, "CREATE TABLE", "CreateTable"},
    {StatementKind::kAlterTable, "ALTER TABLE", "AlterTable"},
    {StatementKind::kDropTable, "DROP TABLE", "DropTable"},
    {StatementKind::kShowTables, "SHOW TABLES", "ShowTables"},
    {StatementKind::kDescribeTable, "DESCRIBE TABLE", "DescribeTable"},
    {StatementKind::kCreateUser, "CREATE USER", "CreateUser"},
    {StatementKind::kAlterUser, "ALTER USER", "AlterUser"},
    {StatementKind::kDropUser, "DROP USER", "DropUser"},
    {StatementKind::kCreateStorage, "CREATE STORAGE", "CreateStorage"},
    {StatementKind::kAlterStorage, "ALTER STORAGE", "AlterStorage"},
    {StatementKind::kDropStorage, "DROP STORAGE", "DropStorage"},
    {StatementKind::kShowStorages, "SHOW STORAGES", "ShowStorages"},
    {StatementKind::kCheckStorage, "STORAGE CHECK", "CheckStorage"},
    {StatementKind::kCreateTopic, "CREATE TOPIC", "CreateTopic"},
    {StatementKind::kAlterTopic, "ALTER TOPIC", "AlterTopic"},
    {StatementKind::kDropTopic, "DROP TOPIC", "DropTopic"},
    {StatementKind::kClearTopic, "CLEAR TOPIC", "ClearTopic"},
    {StatementKind::kConsume, "CONSUME", "ConsumeTopic"},
    {StatementKind::kAck, "ACK", "AckTopic"},
    {StatementKind::kBegin, "BEGIN", "BeginTransaction"},
    {StatementKind::kCommit, "COMMIT", "CommitTransaction"},
    {StatementKind::kRollback, "ROLLBACK", "RollbackTransaction"},
    {StatementKind::kFlushTable, "FLUSH TABLE", "FlushTable"},
    {StatementKind::kFlushAll, "FLUSH ALL TABLES", "FlushAllTables"},
    {StatementKind::kCompactTable, "COMPACT TABLE", "CompactTable"},
    {StatementKind::kCompactAll, "COMPACT ALL", "CompactAll"},
    {StatementKind::kKillJob, "KILL JOB", "KillJob"},
    {StatementKind::kBackup, "BACKUP", "Backup"},
    {StatementKind::kRestore, "RESTORE", "Restore"},
    {StatementKind::kShowStats, "SHOW STATS", "ShowStats"},
    {StatementKind::kShowColumns, "SHOW COLUMNS", "ShowColumns"},
    {StatementKind::kShowAll, "SHOW ALL", "ShowAll"},
    {StatementKind::kSet, "SET", "Set"},
    {StatementKind::kKillLiveQuery, "KILL LIVE QUERY", "KillLiveQuery"},
    {StatementKind::kSubscribe, "SUBSCRIBE TO", "Subscribe"},
    {StatementKind::kCluster, "CLUSTER", "Cluster"},
    {StatementKind::kShowLimits, "SHOW LIMITS", "ShowLimits"},
    {StatementKind::kExportUserData, "EXPORT USER DATA", "ExportUserData"},
    {StatementKind::kShowExport, "SHOW EXPORT", "ShowExport"},
    {StatementKind::kShowManifest, "SHOW MANIFEST", "ShowManifest"},
    {StatementKind::kCreateView, "CREATE VIEW", "CreateView"},
    {StatementKind::kDropView, "DROP VIEW", "DropView"},
});

consteval bool NamesFollowKinds() {
  for (size_t i = 0; i < kKindNames.size(); ++i) {
    if (kKindNames[i].kind != static_cast<StatementKind>(i)) return false;
  }
  return kKindNames.size() == static_cast<size_t>(StatementKind::kCount);
}
static_assert(NamesFollowKinds(), "one row per kind, in the order of the enum");

const KindNames& NamesOf(StatementKind kind) {
  return kKindNames[std::min(static_cast<size_t>(kind), kKindNames.size() - 1)];
}

}  // namespace

Result<Statement> ParseStatement(const StatementText& text) {
  if (text.tokens.empty()) return Fail(ErrorCode::kEmptySql, "No SQL statements provided");
  KALAM_ASSIGN(const auto wrapped, UnwrapExecuteAs(text));
  if (!wrapped.has_value()) return ParseUnwrapped(text);
  KALAM_ASSIGN(Statement statement, ParseUnwrapped(wrapped->inner));
  statement.execute_as = wrapped->user_id;
  return statement;
}

std::string_view StatementName(StatementKind kind) { return NamesOf(kind).name; }
std::string_view StatementTypeName(StatementKind kind) { return NamesOf(kind).type_name; }

}  // namespace kalam::sql
