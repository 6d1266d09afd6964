// Short ways to write parser tests.
#pragma once

#include <gtest/gtest.h>

#include <string>
#include <string_view>
#include <variant>

#include "sql/parse/parse.h"

namespace kalam::sql {

inline Result<Statement> ParseOne(std::string_view sql) {
  const auto statements = SplitStatements(sql);
  if (!statements.has_value()) return Fail(statements.error());
  EXPECT_EQ(statements->size(), 1U) << sql;
  return ParseStatement(statements->at(0));
}

// `sql` must outlive the statement, whose text is a view.
inline Statement Parsed(std::string_view sql) {
  Result<Statement> statement = ParseOne(sql);
  EXPECT_TRUE(statement.has_value()) << sql << "\n"
                                     << (statement.has_value() ? "" : statement.error().message);
  return statement.value_or(Statement());
}

template <typename T>
T Body(std::string_view sql) {
  const Statement statement = Parsed(sql);
  EXPECT_TRUE(std::holds_alternative<T>(statement.body)) << sql;
  const T* body = std::get_if<T>(&statement.body);
  return body == nullptr ? T() : *body;
}

inline Error Failed(std::string_view sql) {
  const Result<Statement> statement = ParseOne(sql);
  EXPECT_FALSE(statement.has_value()) << sql;
  return statement.has_value() ? Error() : statement.error();
}

// Message of an INVALID_SQL error.
inline std::string Message(std::string_view sql) {
  const Error error = Failed(sql);
  EXPECT_EQ(error.code, ErrorCode::kInvalidSql) << sql << "\n" << error.message;
  return error.message;
}

inline std::string DetailText(const Error& error, std::string_view key) {
  for (const Detail& detail : error.details) {
    if (detail.key == key) return std::get<std::string>(detail.value);
  }
  return "(no such detail)";
}

inline int64_t DetailNumber(const Error& error, std::string_view key) {
  for (const Detail& detail : error.details) {
    if (detail.key == key) return std::get<int64_t>(detail.value);
  }
  return -1;
}

}  // namespace kalam::sql
