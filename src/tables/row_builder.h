// RowBuilder: from the values of an INSERT to complete, checked rows and their commit operations.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/arena.h"
#include "base/clock.h"
#include "base/error.h"
#include "base/random.h"
#include "catalog/catalog.h"
#include "hot/batch.h"
#include "model/value.h"
#include "tables/snowflake.h"

namespace kalam::tables {

// What defaults are computed from. One per statement.
struct DefaultSources {
  SnowflakeIds& snowflake;
  Random& random;
  int64_t now_micros = 0;  // NOW(): one value per statement
  std::string_view user_id;
};

// The value of a volatile or identity function as a column of `kind` gets it. Text lives in `arena`.
Value ComputeDefault(DefaultKind kind, const DefaultSources& sources, TypeKind column_kind, Arena& arena);
// What the column gets when it is not given a value: of its type, NULL when it has no default. Valid as long
// as the column and `arena`.
Value DefaultOf(const Column& column, const DefaultSources& sources, Arena& arena);

// Builds the rows of one INSERT into `table`. Not thread-safe; `table` and the values outlive it.
class RowBuilder {
 public:
  // `columns`: ordinals that the statement gives values for; the others get their defaults.
  RowBuilder(const catalog::Table& table, std::span<const size_t> columns, std::string prefix,
             DefaultSources sources);

  // `values` are parallel to `columns` and have the columns' types. Checks NOT NULL (kConstraint naming
  // column and 1-based row) and key limits, and appends one insert operation to the batch. Nothing else of
  // the batch is touched on failure. `defaulted`: positions in `values` that get their column's default.
  Status Add(std::span<const Value> values, hot::Batch& batch, std::span<const size_t> defaulted = {});

 private:
  const catalog::Table& table_;
  std::span<const size_t> columns_;
  std::string prefix_;
  DefaultSources sources_;
  size_t primary_key_;
  std::vector<int> given_;  // per ordinal: position in `values`, or -1
  std::vector<Value> row_;
  int64_t row_number_ = 0;
};

// The primary key of an operation for messages: the value as the user wrote it, without quotes.
std::string KeyText(const catalog::Table& table, const hot::RowOp& op);

// "Primary key violation: value '5' already exists in column 'id'" for the insert operation that was refused.
Error DuplicateKeyError(const catalog::Table& table, const hot::RowOp& op, bool within_statement);

}  // namespace kalam::tables
