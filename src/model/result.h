// What a statement answers: rows into a sink, or an outcome with a count.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>

#include "base/error.h"
#include "model/types.h"
#include "model/value.h"

namespace kalam {

// A column of a result set. Flags are set for plain table columns only.
struct ResultColumn {
  std::string name;
  DataType type;
  bool primary_key = false;
  bool not_null = false;
};

// Receives a result set as it is produced. One user, one thread. The values of a row are read before Row
// returns.
class RowSink {
 public:
  virtual ~RowSink() = default;
  // Once per result set, before its rows.
  virtual void Begin(std::span<const ResultColumn> columns) = 0;
  // Fails when the answer is over its size limit or a value cannot be shown to clients (NaN).
  virtual Status Row(std::span<const Value> values) = 0;
};

// Stored nowhere; the wire text of each kind is in wire/.
enum class OutcomeKind : uint8_t { kRows, kMessage, kInserted, kUpdated, kDeleted };

struct Outcome {
  OutcomeKind kind = OutcomeKind::kMessage;
  int64_t rows_affected = 0;  // kRows: rows returned. kMessage: objects changed (0 for an IF NOT EXISTS hit)
  std::string message;        // kMessage only
};

inline Outcome MessageOutcome(std::string message, int64_t affected = 1) {
  return Outcome{OutcomeKind::kMessage, affected, std::move(message)};
}

}  // namespace kalam
