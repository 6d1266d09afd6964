// Query: a subscription's SELECT, compiled for one version of its table: which rows (Filter) and how they
// look (Projection).
//
// Owner: shared_ptr; shared by all subscriptions with the same text, as far as the text means the same for
// them. Threads: immutable; a Filter with a bound predicate takes turns inside.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <mutex>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "base/error.h"
#include "catalog/catalog.h"
#include "engine/engine.h"
#include "engine/live_form.h"
#include "engine/predicate.h"
#include "hot/row_codec.h"
#include "live/projection.h"
#include "model/principal.h"
#include "tables/predicate.h"
#include "tables/row_change.h"

namespace kalam::live {

// Why a subscription cannot be, or no longer be.
struct Refusal {
  std::string_view code;  // live/codes.h
  std::string message;
};
template <typename T>
using OrRefusal = std::expected<T, Refusal>;

// Bytes that are equal for two values of one column exactly when `=` is true for them; for comparable types.
void AppendHashKey(const Value& value, std::string& out);

class Filter {
 public:
  // The whole condition, as the engine decides it. `key`: equal conditions have equal keys.
  Filter(std::string key, std::vector<tables::OwnedCondition> conditions, const TableSchema& schema,
         std::shared_ptr<const engine::BoundPredicate> predicate);

  const std::string& key() const { return key_; }
  bool matches_all() const { return conditions_.empty() && predicate_ == nullptr; }
  // Can an earlier version of the row, which does not match now, have matched?
  bool MayHaveMatched(const hot::RowView& row) const;

  // `column = constant`, one of the terms: every match has this value.
  struct Equality {
    size_t ordinal = 0;
    std::string key;  // AppendHashKey of the constant
  };
  const std::optional<Equality>& equality() const { return equality_; }
  // Terms, all of which hold for every match.
  std::span<const tables::OwnedCondition> conditions() const { return conditions_; }

  // Sets out[i] to 1 when row i matches. kExecution when the condition fails for a row.
  Status Match(std::span<const hot::RowView> rows, const TableSchema& schema, int64_t now_micros,
               std::vector<uint8_t>& out) const;

 private:
  const std::string key_;
  const std::vector<tables::OwnedCondition> conditions_;
  const std::shared_ptr<const engine::BoundPredicate> predicate_;  // nullptr: the conditions say it all
  std::vector<uint16_t> condition_bits_;  // hot::HistoryBit of the column of each condition
  uint16_t columns_ = 0;                  // bits of all columns that it looks at
  bool reads_seq_ = false;
  std::optional<Equality> equality_;
};

struct Query {
  catalog::TablePtr table;
  std::shared_ptr<const Filter> filter;
  std::shared_ptr<const Projection> projection;
};
using QueryPtr = std::shared_ptr<const Query>;

// Compiles queries and remembers the ones in use. Thread-safe.
class Queries {
 public:
  Queries(const catalog::Catalog& catalog, const engine::Engine& engine)
      : catalog_(catalog), engine_(engine) {}

  // Checks shape, names and rights.
  OrRefusal<QueryPtr> Compile(const std::string& sql, const Principal& principal);

 private:
  Result<QueryPtr> Make(const engine::LiveForm& form, const engine::ParsedStatementPtr& parsed,
                        const catalog::TablePtr& table, const Principal& principal) const;
  QueryPtr Remembered(const std::string& key);
  void Remember(const std::string& key, const QueryPtr& query);

  const catalog::Catalog& catalog_;
  const engine::Engine& engine_;
  std::mutex mu_;
  std::unordered_map<std::string, std::weak_ptr<const Query>> known_;  // guarded by mu_
  size_t sweep_at_ = 1'024;                                            // guarded by mu_
};

// May this principal subscribe to the table? Judged at subscription and again whenever rights change.
std::optional<Refusal> RefuseAccess(const Principal& principal, const catalog::Table& table);

}  // namespace kalam::live
