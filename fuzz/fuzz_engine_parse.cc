// Any bytes as a statement: Parse answers with a statement or an error, and what it says about the statement
// holds together.
#include <cstdint>
#include <cstdlib>
#include <string_view>

#include "engine/engine.h"

using namespace kalam;

namespace {

void Check(bool holds) {
  if (!holds) std::abort();
}

void CheckOperand(const engine::Operand& operand, std::string_view sql) {
  using Kind = engine::Operand::LiteralKind;
  if (operand.kind != engine::Operand::Kind::kLiteral) return;
  Check(operand.offset < sql.size());
  const char first = sql[operand.offset];
  if (operand.literal_kind == Kind::kString) Check(first == '\'');
  if (operand.literal_kind == Kind::kInteger) Check(first >= '0' && first <= '9');
}

void CheckWhere(const std::vector<engine::Comparison>& where, std::string_view sql) {
  for (const engine::Comparison& comparison : where) {
    if (comparison.op < engine::CompareOp::kIsNull) CheckOperand(comparison.operand, sql);
  }
}

void CheckSimple(const engine::ParsedStatement& statement, std::string_view sql) {
  if (const auto* select = std::get_if<engine::SimpleSelect>(&statement.simple())) {
    Check(statement.tables().size() == 1 && !select->items.empty());
    CheckWhere(select->where, sql);
  } else if (const auto* insert = std::get_if<engine::SimpleInsert>(&statement.simple())) {
    Check(statement.tables().empty() && !insert->rows.empty());
    for (const auto& row : insert->rows) {
      for (const engine::Operand& operand : row) CheckOperand(operand, sql);
    }
  } else if (const auto* update = std::get_if<engine::SimpleUpdate>(&statement.simple())) {
    Check(update->assignments.size() == statement.written_columns().size());
    CheckWhere(update->where, sql);
  } else if (const auto* remove = std::get_if<engine::SimpleDelete>(&statement.simple())) {
    CheckWhere(remove->where, sql);
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  static SystemClock clock;
  static SystemRandom random;
  static const auto kEngine = std::move(engine::Engine::Open({}, clock, random)).value();
  const std::string_view sql(reinterpret_cast<const char*>(data), size);
  const auto parsed = kEngine->Parse(sql);
  if (!parsed) {
    Check(!parsed.error().message.empty() && parsed.error().code != ErrorCode::kInternal);
    return 0;
  }
  const engine::ParsedStatement& statement = **parsed;
  const bool writes = statement.kind() == engine::StatementKind::kUpdate ||
                      statement.kind() == engine::StatementKind::kDelete;
  if (writes) Check(!statement.tables().empty() && statement.tables()[0] == statement.target());
  CheckSimple(statement, sql);
  return 0;
}
