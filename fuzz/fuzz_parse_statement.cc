// The statement parsers: no crash, errors with text, and what comes out of CREATE TABLE is canonical.
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string_view>
#include <variant>

#include "sql/parse/parse.h"

namespace {

using kalam::sql::CreateTable;

void Require(bool holds) {
  if (!holds) std::abort();
}

void CheckCreateTable(const CreateTable& table) {
  Require(!table.table.table.empty() && !table.columns.empty());
  int keys = 0;
  for (const kalam::sql::ColumnDefinition& column : table.columns) {
    Require(!column.name.empty() && column.type.kind != kalam::TypeKind::kNull);
    keys += column.primary_key ? 1 : 0;
    if (column.default_value.kind == kalam::DefaultKind::kNone) continue;
    // A sign and a number, a string, or a word, maybe with (): never anything that could be more than a
    // constant.
    const auto tokens = kalam::sql::Tokenize(column.default_value.expression);
    Require(tokens.has_value() && tokens->size() >= 2 && tokens->size() <= 4);
  }
  Require(keys <= 1);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view payload(reinterpret_cast<const char*>(data), size);
  const auto statements = kalam::sql::SplitStatements(payload);
  if (!statements.has_value()) return 0;
  for (const auto& text : *statements) {
    const auto statement = kalam::sql::ParseStatement(text);
    if (!statement.has_value()) {
      Require(!statement.error().message.empty());
      continue;
    }
    Require(!statement->text.empty() && text.text.find(statement->text) != std::string_view::npos);
    if (const auto* table = std::get_if<CreateTable>(&statement->body); table != nullptr)
      CheckCreateTable(*table);
  }
  return 0;
}
