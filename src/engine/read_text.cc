#include "engine/read_text.h"

#include <fmt/format.h>

#include <charconv>
#include <exception>
#include <utility>

#include "duckdb/common/error_data.hpp"
#include "duckdb/common/exception/parser_exception.hpp"
#include "duckdb/common/string_util.hpp"
#include "duckdb/parser/parser.hpp"

namespace kalam::engine {
namespace {

using duckdb::StringUtil;

// DuckDB's optimizer takes time with the third power of the nesting: a second at 300 levels, and nothing
// interrupts it.
constexpr size_t kNestingMax = 250;

void Parse(const std::string& sql, ReadText& out) {
  duckdb::Parser parser(OurParserOptions());
  parser.ParseQuery(sql);
  out.statements = std::move(parser.statements);
}

// The error about the written text as one about the text that was given.
[[noreturn]] void ThrowAbout(const std::string& given, const ParserText& written,
                             const duckdb::ErrorData& error) {
  const auto subtype = error.ExtraInfo().find("error_subtype");
  const auto found = error.ExtraInfo().find("position");
  if (subtype == error.ExtraInfo().end() || subtype->second != "SYNTAX_ERROR" ||
      found == error.ExtraInfo().end())
    error.Throw();
  size_t position = 0;
  std::from_chars(found->second.data(), found->second.data() + found->second.size(), position);
  std::string message = error.RawMessage().substr(0, error.RawMessage().find('\n'));
  message = StringUtil::Replace(message, fmt::format("\"{}\"", kWrittenArrow), "\"->\"");
  message = StringUtil::Replace(message, fmt::format("\"{}\"", kWrittenHasKey), "\"?\"");
  throw duckdb::ParserException::SyntaxError(given, message, written.Original(position));
}

// The text, which DuckDB cannot read, written so that it can. False when there is no other way to write it.
bool ReadOtherwise(const std::string& given, ReadText& out) {
  std::optional<ParserText> written;
  try {
    written = ParserText::Of(given, ParserText::What::kEverything);
  } catch (const std::exception&) {
    return false;  // not even tokens
  }
  if (!written) return false;
  out.rewritten = std::move(written);
  out.text = out.rewritten->text();
  try {
    Parse(out.text, out);
  } catch (const std::exception& exception) {
    ThrowAbout(given, *out.rewritten, duckdb::ErrorData(exception));
  }
  return true;
}

void WriteArrows(ReadText& out) {
  if (out.text.find("->") == std::string::npos) return;
  out.rewritten = ParserText::Of(out.text, ParserText::What::kArrows);
  if (out.rewritten) out.text = out.rewritten->text();
}

}  // namespace

duckdb::ParserOptions OurParserOptions() {
  duckdb::ParserOptions options;
  options.max_expression_depth = kNestingMax;
  options.preserve_identifier_case = false;  // unquoted names are lower case, as in the reference
  return options;
}

ReadText Read(const std::string& sql) {
  ReadText out;
  // Unusual white space is replaced before parsing, which moves every place behind it.
  out.has_places = !duckdb::Parser::StripUnicodeSpaces(sql, out.text);
  if (out.has_places) out.text = sql;
  const std::string given = out.text;
  try {
    WriteArrows(out);
    Parse(out.text, out);
  } catch (const std::exception&) {
    if (!ReadOtherwise(given, out)) throw;
  }
  return out;
}

}  // namespace kalam::engine
