// CREATE, ALTER, DROP, CLEAR TOPIC, CONSUME and ACK.
#include <fmt/format.h>

#include <charconv>
#include <string>

#include "sql/parse/rules.h"

namespace kalam::sql {
namespace {

Result<std::string> ReadTopicName(TokenReader& reader) {
  const Token& first = reader.Peek();
  std::string name = LowerCase(reader.ReadLoose());
  if (name.empty()) return reader.Refuse("A topic name is required", first);
  return name;
}

// Digits that fit; anything else is refused with `message`.
Result<uint64_t> ReadNumber(TokenReader& reader, std::string message) {
  const Token& token = reader.Peek();
  uint64_t number = 0;
  const char* const end = token.text.data() + token.text.size();
  const auto read = std::from_chars(token.text.data(), end, number);
  const bool fits = read.ec == std::errc() && read.ptr == end && number <= INT64_MAX;
  if (token.kind != TokenKind::kInteger || !fits) return reader.Refuse(std::move(message), token);
  reader.Take();
  return number;
}

// A word, a quoted name or a string.
Result<std::string> ReadText(TokenReader& reader, std::string_view expected) {
  const TokenKind kind = reader.Peek().kind;
  if (kind != TokenKind::kString && kind != TokenKind::kWord && kind != TokenKind::kQuotedName) {
    return reader.SyntaxError(expected);
  }
  return StringContent(reader.Take());
}

// (retention_seconds = n, retention_max_bytes = n)
Status ReadRetention(TokenReader& reader, TopicRetention& retention) {
  KALAM_TRY(reader.ExpectSymbol("("));
  do {
    const Token& name = reader.Peek();
    KALAM_ASSIGN(const std::string option, reader.ReadName("retention_seconds or retention_max_bytes"));
    KALAM_TRY(reader.ExpectSymbol("="));
    KALAM_ASSIGN(const uint64_t value,
                 ReadNumber(reader, fmt::format("{} must be a whole number; 0 means without limit", option)));
    if (option == "retention_seconds") {
      if (value > INT64_MAX / 1'000'000) return reader.Refuse("retention_seconds is too large", name);
      retention.seconds = static_cast<int64_t>(value);
    } else if (option == "retention_max_bytes") {
      retention.bytes_max = static_cast<int64_t>(value);
    } else {
      return reader.Refuse(
          fmt::format("Unknown topic option '{}'. Expected retention_seconds or retention_max_bytes", option),
          name);
    }
  } while (reader.AcceptSymbol(","));
  return reader.ExpectSymbol(")");
}

// The condition's text: up to a WITH (...) of the statement, or to its end. Parentheses must be balanced, so
// that the text stays one expression wherever it is put.
Result<std::string> ReadCondition(TokenReader& reader) {
  const Token first = reader.Peek();
  size_t end = first.offset;
  int depth = 0;
  while (!reader.AtEnd()) {
    if (depth == 0 && reader.PeekWord("WITH") && reader.PeekSymbol("(", 1)) break;
    if (reader.PeekSymbol("(")) ++depth;
    if (reader.PeekSymbol(")") && --depth < 0) return reader.SyntaxError("a condition");
    end = reader.Take().end();
  }
  if (depth != 0) return reader.SyntaxError("')'");
  if (end == first.offset) return reader.SyntaxError("a condition");
  return std::string(reader.statement().text.substr(first.offset, end - first.offset));
}

Status ReadPayloadOption(TokenReader& reader, topics::Route& route) {
  KALAM_TRY(reader.ExpectSymbol("("));
  KALAM_TRY(reader.ExpectWord("PAYLOAD"));
  KALAM_TRY(reader.ExpectSymbol("="));
  const Token& token = reader.Peek();
  KALAM_ASSIGN(const std::string text, ReadText(reader, "'key', 'full' or 'diff'"));
  const auto mode = topics::ParsePayloadMode(LowerCase(text));
  if (!mode) {
    return reader.Refuse(fmt::format("Invalid payload mode '{}'. Expected 'key', 'full', or 'diff'", text),
                         token);
  }
  route.payload = *mode;
  return reader.ExpectSymbol(")");
}

Status ReadSource(TokenReader& reader, topics::Route& route) {
  KALAM_ASSIGN(TableRef table, reader.ReadTableName());
  route.ns = table.ns.empty() ? "default" : std::move(table.ns);
  route.table = std::move(table.table);
  KALAM_TRY(reader.ExpectWord("ON"));
  const Token& token = reader.Peek();
  const auto operation = topics::ParseOperation(LowerCase(token.text));
  if (!operation) {
    return reader.Refuse(
        fmt::format("Invalid operation '{}'. Expected INSERT, UPDATE, or DELETE", token.text), token);
  }
  route.operation = *operation;
  reader.Take();
  if (reader.AcceptWord("WHERE")) {
    KALAM_ASSIGN(route.filter, ReadCondition(reader));
  }
  if (reader.AcceptWord("WITH")) KALAM_TRY(ReadPayloadOption(reader, route));
  return {};
}

}  // namespace

Result<StatementBody> ParseCreateTopic(TokenReader& reader) {
  KALAM_TRY(reader.ExpectWord("TOPIC"));
  CreateTopic statement;
  statement.if_not_exists = reader.AcceptIfNotExists();
  KALAM_ASSIGN(statement.name, ReadTopicName(reader));
  if (reader.AcceptWord("PARTITIONS")) {
    const Token& token = reader.Peek();
    KALAM_ASSIGN(const uint64_t partitions, ReadNumber(reader, "Partition count must be a positive integer"));
    if (partitions == 0 || partitions > UINT32_MAX) {
      return reader.Refuse("Partition count must be a positive integer", token);
    }
    statement.partitions = static_cast<uint32_t>(partitions);
  }
  if (reader.AcceptWord("WITH")) KALAM_TRY(ReadRetention(reader, statement.retention));
  KALAM_TRY(reader.ExpectEnd());
  return statement;
}

Result<StatementBody> ParseAlterTopic(TokenReader& reader) {
  KALAM_TRY(reader.ExpectWord("TOPIC"));
  AlterTopic statement;
  KALAM_ASSIGN(statement.name, ReadTopicName(reader));
  if (reader.AcceptWords({"ADD", "SOURCE"})) {
    KALAM_TRY(ReadSource(reader, statement.source.emplace()));
  } else if (reader.AcceptWord("SET")) {
    KALAM_TRY(ReadRetention(reader, statement.retention));
  } else {
    return reader.SyntaxError("ADD SOURCE or SET");
  }
  KALAM_TRY(reader.ExpectEnd());
  return statement;
}

Result<StatementBody> ParseDropTopic(TokenReader& reader) {
  KALAM_TRY(reader.ExpectWord("TOPIC"));
  DropTopic statement;
  statement.if_exists = reader.AcceptIfExists();
  KALAM_ASSIGN(statement.name, ReadTopicName(reader));
  KALAM_TRY(reader.ExpectEnd());
  return statement;
}

Result<StatementBody> ParseClearTopic(TokenReader& reader) {
  KALAM_TRY(reader.ExpectWord("TOPIC"));
  ClearTopic statement;
  KALAM_ASSIGN(statement.name, ReadTopicName(reader));
  KALAM_TRY(reader.ExpectEnd());
  return statement;
}

// Clauses in any order; START is another word for FROM.
Result<StatementBody> ParseConsume(TokenReader& reader) {
  KALAM_TRY(reader.ExpectWord("FROM"));
  Consume statement;
  KALAM_ASSIGN(statement.topic, ReadTopicName(reader));
  while (!reader.AtEnd()) {
    if (reader.AcceptWord("GROUP")) {
      KALAM_ASSIGN(statement.group, ReadText(reader, "a group name"));
    } else if (reader.AcceptWord("FROM") || reader.AcceptWord("START")) {
      if (reader.AcceptWord("EARLIEST")) {
        statement.start.kind = topics::StartPosition::Kind::kEarliest;
      } else if (reader.AcceptWord("LATEST")) {
        statement.start.kind = topics::StartPosition::Kind::kLatest;
      } else {
        statement.start.kind = topics::StartPosition::Kind::kOffset;
        KALAM_ASSIGN(statement.start.offset, ReadNumber(reader, "Expected EARLIEST, LATEST or an offset"));
      }
    } else if (reader.AcceptWord("LIMIT")) {
      KALAM_ASSIGN(statement.limit, ReadNumber(reader, "LIMIT must be a whole number"));
    } else if (reader.AcceptWord("PARTITION")) {
      KALAM_ASSIGN(const uint64_t partition, ReadNumber(reader, "PARTITION must be a whole number"));
      statement.partition = static_cast<uint32_t>(std::min<uint64_t>(partition, UINT32_MAX));
    } else {
      return reader.SyntaxError("GROUP, FROM, START, PARTITION, LIMIT or end of statement");
    }
  }
  return statement;
}

Result<StatementBody> ParseAck(TokenReader& reader) {
  Ack statement;
  KALAM_ASSIGN(statement.topic, ReadTopicName(reader));
  bool has_group = false;
  bool has_offset = false;
  while (!reader.AtEnd()) {
    if (reader.AcceptWord("GROUP")) {
      KALAM_ASSIGN(statement.group, ReadText(reader, "a group name"));
      has_group = true;
    } else if (reader.AcceptWord("PARTITION")) {
      KALAM_ASSIGN(const uint64_t partition, ReadNumber(reader, "PARTITION must be a whole number"));
      statement.partition = static_cast<uint32_t>(std::min<uint64_t>(partition, UINT32_MAX));
    } else if (reader.AcceptWords({"UPTO", "OFFSET"})) {
      KALAM_ASSIGN(statement.upto, ReadNumber(reader, "UPTO OFFSET must be a whole number"));
      has_offset = true;
    } else {
      return reader.SyntaxError("GROUP, PARTITION, UPTO OFFSET or end of statement");
    }
  }
  if (!has_group) return reader.Refuse("ACK requires GROUP clause");
  if (!has_offset) return reader.Refuse("ACK requires UPTO OFFSET clause");
  return statement;
}

}  // namespace kalam::sql
