// The batch splitter and the statement parsers under texts that look like SQL: the mutator builds statements
// from the grammar and cuts and joins what is there at token borders, so that runs get far behind the first
// keyword.
#include <array>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <random>
#include <string>
#include <string_view>
#include <vector>

#include "sql/parse/parse.h"

namespace {

using kalam::sql::StatementText;

void Require(bool holds) {
  if (!holds) std::abort();
}

// A statement means the same alone as in its script.
void CheckAlone(const StatementText& text) {
  const auto alone = kalam::sql::SplitStatements(text.text);
  Require(alone.has_value() && alone->size() == 1 && alone->front().text == text.text);
  const auto here = kalam::sql::ParseStatement(text);
  const auto there = kalam::sql::ParseStatement(alone->front());
  Require(here.has_value() == there.has_value());
  if (here.has_value()) {
    Require(here->kind == there->kind && here->kind < kalam::sql::StatementKind::kCount);
    Require(!kalam::sql::StatementName(here->kind).empty());
    return;
  }
  Require(!here.error().message.empty() && here.error().message == there.error().message);
}

// What is joined by ';' comes apart again as it was.
void CheckJoined(const std::vector<StatementText>& statements) {
  std::string joined;
  for (const StatementText& text : statements) {
    // An EXECUTE AS USER whose parenthesis is open takes every later ';' in.
    if (text.tokens[0].text.size() == 7 && (text.tokens[0].text[0] | 0x20) == 'e') return;
  }
  for (const StatementText& text : statements) joined.append(text.text).append("\n;");
  const auto again = kalam::sql::SplitStatements(joined);
  // A line comment at the end of a statement is not part of it, so nothing can swallow the ';'.
  Require(again.has_value() && again->size() == statements.size());
  for (size_t i = 0; i < statements.size(); ++i) Require((*again)[i].text == statements[i].text);
}

// --- grammar

constexpr std::string_view kTemplates[] = {
    "CREATE NAMESPACE @e @n",
    "ALTER NAMESPACE @n SET OPTIONS (@n = @v, @n = @v)",
    "DROP NAMESPACE IF EXISTS @n CASCADE",
    "USE @n",
    "CREATE @t TABLE @e @q (@n @y PRIMARY KEY, @n @y NOT NULL DEFAULT @v) WITH (TYPE = @v, ACCESS_LEVEL = "
    "@v)",
    "CREATE TABLE @q (@n @y, PRIMARY KEY (@n)) FLUSH ROWS 5 TTL 7",
    "ALTER TABLE @q ADD COLUMN @n @y DEFAULT @v",
    "ALTER TABLE @q MODIFY COLUMN @n @y NOT NULL",
    "ALTER TABLE @q RENAME COLUMN @n TO @n",
    "ALTER TABLE @q SET TBLPROPERTIES (ACCESS_LEVEL = @v)",
    "DROP TABLE IF EXISTS @q",
    "SHOW TABLES IN @n",
    "DESCRIBE TABLE @q HISTORY",
    "SHOW STATS FOR TABLE @q",
    "SHOW COLUMNS FROM @q",
    "SET @n TO @v",
    "KILL LIVE QUERY @v",
    "KILL LIVE QUERY 'ann-c1-s;1'",
    "SUBSCRIBE TO @q WHERE @x OPTIONS (last_rows = 5, from = 9)",
    "SUBSCRIBE TO SELECT @n, @n FROM @q WHERE @x",
    "CREATE USER @n WITH PASSWORD @v ROLE @n EMAIL @v",
    "ALTER USER @n SET ROLE @n",
    "DROP USER IF EXISTS @n",
    "EXECUTE AS USER @v (@s)",
    "CREATE OR REPLACE VIEW @q (@n, @n) AS SELECT @n, @v FROM @q WHERE @x",
    "CREATE VIEW @e @q AS @s",
    "DROP VIEW IF EXISTS @q",
    "SHOW MANIFEST",
    "CREATE TOPIC @q PARTITIONS 3 WITH (retention_seconds = @v)",
    "ALTER TOPIC @q ADD SOURCE @q ON INSERT WHERE @x WITH (payload = @v)",
    "CONSUME FROM @q GROUP @v FROM 5 LIMIT 10",
    "ACK @q GROUP @v UPTO OFFSET 5",
    "CREATE STORAGE @n TYPE @v PATH @v CREDENTIALS @v",
    "BACKUP TABLE @q TO @v",
    "RESTORE NAMESPACE @n FROM @v OVERWRITE",
    "STORAGE FLUSH TABLE @q",
    "COMPACT ALL IN @n",
    "KILL JOB @v",
    "CLUSTER JOIN 5 RPC @v API @v",
    "SHOW NAMESPACES",
    "SET NAMESPACE @n",
    "SHOW STORAGES",
    "ALTER STORAGE @n SET NAME @v SET USER_TABLES_TEMPLATE @v",
    "DROP STORAGE IF EXISTS @n",
    "STORAGE CHECK @n EXTENDED",
    "DROP TOPIC @q",
    "CLEAR TOPIC @q",
    "ALTER TABLE @q ALTER COLUMN @n SET DEFAULT @v",
    "ALTER TABLE @q ALTER COLUMN @n DROP NOT NULL",
    "ALTER TABLE @q DROP COLUMN @n",
    "ALTER TABLE @q SET ACCESS LEVEL public",
    "ALTER TOPIC @q SET (retention_max_bytes = 5)",
    "CREATE STREAM TABLE @q (@n @y) WITH (TTL_SECONDS = 5)",
    "FLUSH ALL TABLES IN @n",
    "STORAGE COMPACT TABLE @q",
    "BACKUP DATABASE TO @v",
    "SHOW ALL",
    "SHOW LIMITS",
    "EXPORT USER DATA",
    "SHOW EXPORT",
    "CLUSTER SNAPSHOT",
    "START TRANSACTION",
    "COMMIT",
    "ROLLBACK",
    "EXPLAIN @s",
    "WITH @n AS (SELECT 1) SELECT @n FROM @n",
    "BEGIN",
    "SELECT @n, @v FROM @q WHERE @x",
    "INSERT INTO @q (@n, @n) VALUES (@v, @v)",
    "UPDATE @q SET @n = @v WHERE @x",
    "DELETE FROM @q WHERE @x",
};
constexpr std::string_view kNames[] = {"a",       "T1",   "\"Quo;ted\"", "`tick`",    "user",
                                       "OPTIONS", "_seq", "table",       "\"a\"\"b\""};
constexpr std::string_view kValues[] = {"1",          "-2.5e3", "'te;xt'", "'it''s'", "$$do;llar$$",
                                        "$t$ $$ $t$", "NULL",   "true",    "E'\\n;'", "$1",
                                        "NOW()",      "'--'",   "'/*'",    "'/p;q'"};
constexpr std::string_view kTypes[] = {
    "BIGINT", "TEXT", "DECIMAL(10, 2)", "VARCHAR(5)", "DOUBLE PRECISION", "EMBEDDING(3)", "UUID"};
constexpr std::string_view kBlanks[] = {" ", "\n", "\t", " -- c;c\n", "/* ; /* n */ */", " ", " "};
constexpr std::string_view kNoise[] = {";",  "(",  ")",  ",",  ".", "'",   "\"",
                                       "$$", "--", "/*", "*/", "=", "\x01"};

using Dice = std::minstd_rand;

template <size_t N>
std::string_view Pick(const std::string_view (&list)[N], Dice& dice) {
  return list[dice() % N];
}

void Expand(std::string_view pattern, Dice& dice, int depth, std::string& out) {
  for (size_t i = 0; i < pattern.size(); ++i) {
    if (pattern[i] != '@' || i + 1 == pattern.size()) {
      out += pattern[i] == ' ' && dice() % 8 == 0 ? std::string(Pick(kBlanks, dice))
                                                  : std::string(1, pattern[i]);
      continue;
    }
    switch (pattern[++i]) {
      case 'n':
        out += Pick(kNames, dice);
        break;
      case 'q':
        out += Pick(kNames, dice);
        if (dice() % 2 == 0) out.append(".").append(Pick(kNames, dice));
        break;
      case 'v':
        out += Pick(kValues, dice);
        break;
      case 'y':
        out += Pick(kTypes, dice);
        break;
      case 'e':
        out += dice() % 2 == 0 ? "IF NOT EXISTS" : "";
        break;
      case 't':
        out += dice() % 2 == 0 ? "USER" : "STREAM";
        break;
      case 'x':
        Expand(depth < 3 && dice() % 3 == 0 ? "(@x AND @x)" : "@n = @v", dice, depth + 1, out);
        break;
      case 's':
        Expand(depth < 3 ? Pick(kTemplates, dice) : "SELECT 1", dice, depth + 1, out);
        break;
      default:
        break;
    }
  }
}

// A statement kind that no template becomes would be fuzzed at its first word only. Whoever adds a kind adds
// a template.
void CheckTemplatesReachEveryKind() {
  std::array<bool, static_cast<size_t>(kalam::sql::StatementKind::kCount)> reached{};
  Dice dice(1);
  for (const std::string_view pattern : kTemplates) {
    for (int i = 0; i < 500; ++i) {
      std::string text;
      Expand(pattern, dice, 3, text);
      const auto statements = kalam::sql::SplitStatements(text);
      if (!statements.has_value() || statements->size() != 1) continue;
      const auto statement = kalam::sql::ParseStatement(statements->front());
      if (statement.has_value()) reached[static_cast<size_t>(statement->kind)] = true;
    }
  }
  bool all = true;
  for (size_t kind = 0; kind < reached.size(); ++kind) {
    if (reached[kind]) continue;
    all = false;
    const auto name = kalam::sql::StatementName(static_cast<kalam::sql::StatementKind>(kind));
    std::fprintf(stderr, "no template becomes a %.*s\n", static_cast<int>(name.size()), name.data());
  }
  Require(all);
}

// The text's tokens with what stands between them; cut anywhere when it does not tokenise.
std::vector<std::string> Pieces(std::string_view text) {
  std::vector<std::string> pieces;
  const auto tokens = kalam::sql::Tokenize(text);
  if (!tokens.has_value()) {
    for (size_t i = 0; i < text.size(); i += 4) pieces.emplace_back(text.substr(i, 4));
    return pieces;
  }
  size_t begin = 0;
  for (const kalam::sql::Token& token : *tokens) {
    pieces.emplace_back(text.substr(begin, token.end() - begin));
    begin = token.end();
  }
  return pieces;
}

std::string Mutate(std::string_view text, Dice& dice) {
  std::vector<std::string> pieces = Pieces(text);
  const int changes = 1 + static_cast<int>(dice() % 3);
  for (int i = 0; i < changes; ++i) {
    const size_t at = pieces.empty() ? 0 : dice() % pieces.size();
    const auto where = pieces.begin() + static_cast<std::ptrdiff_t>(at);
    std::string made;
    switch (dice() % 7) {
      case 0:
      case 1:
        Expand(Pick(kTemplates, dice), dice, 0, made);
        pieces.insert(where, made + ";");
        break;
      case 2:
        if (!pieces.empty()) pieces.erase(where);
        break;
      case 3:
        if (!pieces.empty()) pieces.insert(where, *where);
        break;
      case 4:
        if (!pieces.empty()) std::swap(*where, pieces[dice() % pieces.size()]);
        break;
      case 5:
        pieces.insert(where, std::string(Pick(kNoise, dice)));
        break;
      default:
        Expand(dice() % 2 == 0 ? "@v" : "@q", dice, 0, made);
        pieces.insert(where, " " + made + " ");
        break;
    }
  }
  std::string out;
  for (const std::string& piece : pieces) out += piece;
  return out;
}

}  // namespace

extern "C" size_t LLVMFuzzerCustomMutator(uint8_t* data, size_t size, size_t max_size, unsigned int seed) {
  Dice dice(seed);
  std::string text = Mutate(std::string_view(reinterpret_cast<const char*>(data), size), dice);
  if (text.size() > max_size) text.resize(max_size);
  std::memcpy(data, text.data(), text.size());
  return text.size();
}

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  [[maybe_unused]] static const bool kReached = (CheckTemplatesReachEveryKind(), true);
  const std::string_view payload(reinterpret_cast<const char*>(data), size);
  // The mutator itself is part of what is tested: it must cope with anything.
  Dice dice(static_cast<unsigned>(size + 1));
  for (const std::string& text : {std::string(payload), Mutate(payload, dice)}) {
    const auto statements = kalam::sql::SplitStatements(text);
    if (!statements.has_value()) {
      Require(!statements.error().message.empty());
      continue;
    }
    for (const StatementText& statement : *statements) CheckAlone(statement);
    CheckJoined(*statements);
  }
  return 0;
}
