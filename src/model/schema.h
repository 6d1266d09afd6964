// Tables as the catalog describes them. Plain immutable values; owned by the catalog snapshot they come from.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/ids.h"
#include "model/types.h"
#include "model/value.h"

namespace kalam {

// Stored on disk. Never change a number.
enum class TableType : uint8_t { kUser = 1, kShared = 2, kStream = 3, kSystem = 4 };
enum class AccessLevel : uint8_t { kPublic = 1, kPrivate = 2, kRestricted = 3, kDba = 4 };

std::string_view TableTypeName(TableType type);        // "user", "shared", "stream", "system"
std::string_view AccessLevelName(AccessLevel level);   // "public", ...
std::string_view AccessLevelTitle(AccessLevel level);  // "Public", ... as messages spell it

// What an omitted column gets. Stored on disk. Never change a number.
enum class DefaultKind : uint8_t {
  kNone = 0,
  kLiteral = 1,  // a constant, cast to the column's type when the column was defined
  kNow = 2,
  kSnowflakeId = 3,
  kUuidV7 = 4,
  kUlid = 5,
  kCurrentUser = 6,
};

struct ColumnDefault {
  DefaultKind kind = DefaultKind::kNone;
  OwnedValue literal;  // kLiteral; may be NULL
  std::string sql;     // as DESCRIBE shows it: `5`, `'x'`, `SNOWFLAKE_ID()`
};

struct Column {
  ColumnId id;
  std::string name;  // lower case
  DataType type;
  bool nullable = true;
  bool primary_key = false;
  ColumnDefault default_value;
  // What rows written before this column existed read as; of the column's type, NULL unless it was added with
  // a default.
  OwnedValue initial_default;
  std::string comment;
};

// One version of a table's columns in ordinal order, without the system columns _seq and _deleted, which
// every table has and which SELECT * puts last.
struct TableSchema {
  uint32_t version = 1;
  std::vector<Column> columns;
  int64_t created_at_ms = 0;

  // Position of the column, or nullopt. `name` must be lower case.
  std::optional<size_t> Find(std::string_view name) const;
  // Position of the primary key, or nullopt (STREAM tables may have none).
  std::optional<size_t> primary_key() const;
};

struct TableOptions {
  std::string storage_id = "local";
  bool use_user_storage = false;
  std::optional<int64_t> flush_rows;
  std::optional<int64_t> flush_interval_seconds;
  std::optional<int64_t> deleted_retention_hours;
  std::optional<int64_t> ttl_seconds;            // STREAM
  std::optional<int64_t> max_stream_size_bytes;  // STREAM; none = no limit
};

inline constexpr std::string_view kSeqColumn = "_seq";
inline constexpr std::string_view kDeletedColumn = "_deleted";

}  // namespace kalam
