#include "engine/read_text.h"

#include <exception>
#include <utility>

#include "duckdb/parser/parser.hpp"

namespace kalam::engine {
namespace {

// DuckDB's optimizer takes time with the third power of the nesting: a second at 300 levels, and nothing
// interrupts it.
constexpr size_t kNestingMax = 250;

void Parse(const std::string& sql, ReadText& out) {
  duckdb::Parser parser(OurParserOptions());
  parser.ParseQuery(sql);
  out.statements = std::move(parser.statements);
}

// Whether the text, which DuckDB cannot read, can be written so that it can.
bool ReadOtherwise(const std::string& given, ReadText& out) {
  try {
    out.rewritten = ParserText::Of(given, ParserText::What::kEverything);
    if (!out.rewritten) return false;
    Parse(out.rewritten->text(), out);
  } catch (const std::exception&) {
    return false;  // the error about the text as it was given says more
  }
  out.text = out.rewritten->text();
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
