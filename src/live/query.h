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

struct TextHash {
  using is_transparent = void;
  size_t operator()(std::string_view s) const { return std::hash<std::string_view>{}(s); }
};

// Bytes that are equal for two values of one column exactly when `=` is true for them; for comparable types.
void AppendHashKey(const Value& value, std::string& out);

// A column has one of several values.
struct Choice {
  size_t ordinal = 0;
  std::vector<std::string> keys;  // AppendHashKey; ascending, without doubles
  bool Has(const hot::RowView& row) const;
};

class Filter {
 public:
  struct Terms {
    std::vector<tables::OwnedCondition> conditions;
    std::vector<Choice> choices;
  };
  // The whole condition, as the engine decides it, and terms of it that all hold for every match. `key`:
  // equal conditions have equal keys. `nodes`: of the condition, which the engine evaluates.
  Filter(std::string key, Terms terms, const TableSchema& schema,
         std::shared_ptr<const engine::BoundPredicate> predicate, size_t nodes);

  const std::string& key() const { return key_; }
  bool matches_all() const {
    return terms_.conditions.empty() && terms_.choices.empty() && predicate_ == nullptr;
  }
  // Operators, columns and constants that the engine evaluates for a row; 0 when the terms say it all.
  size_t evaluated_nodes() const { return predicate_ == nullptr ? 0 : nodes_; }
  // Can an earlier version of the row, which does not match now, have matched?
  bool MayHaveMatched(const hot::RowView& row) const;

  // Terms, all of which hold for every match.
  std::span<const tables::OwnedCondition> conditions() const { return terms_.conditions; }
  // One of the terms by whose few values the filter is found: every match has one of them.
  static constexpr size_t kIndexedValuesMax = 64;
  const std::optional<Choice>& equality() const { return equality_; }

  // Sets out[i] to 1 when row i matches. kExecution when the condition fails for a row.
  Status Match(std::span<const hot::RowView> rows, const TableSchema& schema, int64_t now_micros,
               std::vector<uint8_t>& out) const;

 private:
  const std::string key_;
  bool TermsHold(const hot::RowView& row) const;

  const Terms terms_;
  const std::shared_ptr<const engine::BoundPredicate> predicate_;  // nullptr: the terms say it all
  const size_t nodes_;
  std::vector<uint16_t> condition_bits_;  // hot::HistoryBit of the column of each condition
  std::vector<uint16_t> choice_bits_;
  uint16_t columns_ = 0;  // bits of all columns that it looks at
  bool reads_seq_ = false;
  std::optional<Choice> equality_;
};

struct Query {
  catalog::TablePtr table;
  std::shared_ptr<const Filter> filter;
  std::shared_ptr<const Projection> projection;
  std::optional<Role> role;  // of the caller, where the condition names it
};
using QueryPtr = std::shared_ptr<const Query>;

// Compiles queries and remembers the ones in use. Thread-safe.
class Queries {
 public:
  Queries(const catalog::Catalog& catalog, const engine::Engine& engine)
      : catalog_(catalog), engine_(engine) {}

  // Checks shape, names and rights.
  OrRefusal<QueryPtr> Compile(const std::string& sql, const Principal& principal);
  // What Compile would say of a text that is too long, without a look at it.
  static std::optional<Refusal> RefuseLength(std::string_view sql);

 private:
  Result<QueryPtr> Make(const engine::LiveForm& form, const engine::ParsedStatementPtr& parsed,
                        const catalog::TablePtr& table, const Principal& principal) const;
  QueryPtr Remembered(const std::string& key);
  void Remember(const std::string& key, const QueryPtr& query);

  static constexpr size_t kSweepBytes = 1u << 20;

  const catalog::Catalog& catalog_;
  const engine::Engine& engine_;
  std::mutex mu_;
  std::unordered_map<std::string, std::weak_ptr<const Query>> known_;  // guarded by mu_
  size_t known_bytes_ = 0;                                             // of keys; guarded by mu_
  size_t sweep_at_bytes_ = kSweepBytes;                                // guarded by mu_
};

// May this principal subscribe to the table? Judged at subscription and again whenever rights change.
std::optional<Refusal> RefuseAccess(const Principal& principal, const catalog::Table& table);

}  // namespace kalam::live
