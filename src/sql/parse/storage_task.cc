// [STORAGE] FLUSH|COMPACT TABLE ns.table, [STORAGE] FLUSH|COMPACT ALL [TABLES] [IN [NAMESPACE] ns].
#include <fmt/format.h>

#include <string>

#include "sql/parse/rules.h"

namespace kalam::sql {
namespace {

// The statement's first words as written, up to `last`: "STORAGE FLUSH TABLE". The reader stands behind the
// first one.
std::string ReadLead(TokenReader& reader, std::string_view last) {
  std::string lead = UpperCase(reader.statement().tokens.front().text);
  while (!reader.AtEnd()) {
    const bool end = reader.PeekWord(last);
    lead.append(" ").append(UpperCase(reader.Take().text));
    if (end) break;
  }
  return lead;
}

}  // namespace

Result<StatementBody> ParseFlushTable(TokenReader& reader) {
  FlushTable statement;
  statement.storage_word = IsWord(reader.statement().tokens.front(), "STORAGE");
  const std::string lead = ReadLead(reader, "TABLE");
  KALAM_ASSIGN(statement.table, reader.ReadTableName());
  if (statement.table.ns.empty()) {
    return reader.Refuse(fmt::format("Table name must be qualified (namespace.table) for {}", lead));
  }
  if (!reader.AtEnd()) {
    return reader.Refuse(fmt::format("Unexpected tokens after {}. Found: {}", lead, reader.Peek().text));
  }
  return statement;
}

Result<StatementBody> ParseFlushAll(TokenReader& reader) {
  FlushAll statement;
  statement.storage_word = IsWord(reader.statement().tokens.front(), "STORAGE");
  const std::string lead = ReadLead(reader, "ALL");
  reader.AcceptWord("TABLES");
  if (reader.AtEnd()) return statement;
  if (!reader.AcceptWord("IN")) return reader.Refuse(fmt::format("Expected {} IN namespace", lead));
  reader.AcceptWord("NAMESPACE");
  if (reader.AtEnd()) return reader.Refuse("Namespace name required after IN");
  KALAM_ASSIGN(statement.ns, reader.ReadName("namespace name"));
  if (!reader.AtEnd()) {
    return reader.Refuse(fmt::format("Unexpected tokens after {}. Found: {}", lead, reader.Peek().text));
  }
  return statement;
}

Result<StatementBody> ParseShowManifest(TokenReader& reader) {
  KALAM_TRY(reader.ExpectWord("MANIFEST"));
  KALAM_TRY(reader.ExpectEnd());
  return ShowManifest{};
}

}  // namespace kalam::sql
