// LiveForm: a SELECT that can be subscribed to, taken apart: one table, plain columns, a condition on one
// row.
//
// A pure function over the parsed tree, thread-safe. Whether table and columns exist is the caller's
// business.
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.h"
#include "engine/statement.h"
#include "model/principal.h"
#include "model/value.h"

namespace kalam::engine {

// `column op constant`, one of the parts that a WHERE joins by AND.
struct LiveTerm {
  std::string column;  // lower case
  CompareOp op = CompareOp::kEqual;
  OwnedValue constant;  // BIGINT, TEXT or BOOLEAN as written; unused for IS [NOT] NULL
};

// `column IN (constants)`, or the same written as comparisons joined by OR; another such part.
struct LiveChoice {
  std::string column;                 // lower case
  std::vector<OwnedValue> constants;  // as above
};

struct LiveForm {
  struct Item {
    std::string column;  // lower case; empty = *
    std::string label;
  };
  // Expressions are left out: a live row consists of columns.
  std::vector<Item> items;
  bool has_where = false;
  std::vector<LiveTerm> terms;
  std::vector<LiveChoice> choices;
  bool complete = false;  // the WHERE is nothing but `terms` and `choices`
  size_t nodes = 0;       // operators, functions, columns and constants in the WHERE
  // Equal for statements of one table with the same condition, whatever their spelling: the normalised WHERE,
  // with the caller's name in place of CURRENT_USER().
  std::string condition;
  bool names_caller = false;  // the condition depends on who asks
  bool names_role = false;    // and on the role they have
};

// kInvalidSql in the protocol's words for everything but SELECT columns FROM table [WHERE condition] [ORDER
// BY columns].
Result<LiveForm> ReadLiveForm(const ParsedStatement& statement, const Principal& principal);

}  // namespace kalam::engine
