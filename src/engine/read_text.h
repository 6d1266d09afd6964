// How every text is parsed. Not for other modules.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "duckdb/parser/parser_options.hpp"
#include "duckdb/parser/sql_statement.hpp"
#include "engine/parser_text.h"

namespace kalam::engine {

duckdb::ParserOptions OurParserOptions();

struct ReadText {
  duckdb::vector<duckdb::unique_ptr<duckdb::SQLStatement>> statements;
  std::string text;                     // what DuckDB parsed: places in the trees are places in it
  std::optional<ParserText> rewritten;  // when that is not what was given
  bool has_places = true;               // of what was given; false when white space was replaced
};

// Throws DuckDB's exception about the given text.
ReadText Read(const std::string& sql);

}  // namespace kalam::engine
