#include "live/query.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "auth/allow.h"
#include "engine/lexer_guard.h"
#include "live/codes.h"
#include "tables/table_scope.h"

namespace kalam::live {
namespace {

using engine::CompareOp;

bool IsNullTest(CompareOp op) { return op == CompareOp::kIsNull || op == CompareOp::kIsNotNull; }

bool InRange(TypeKind kind, int64_t n) {
  switch (kind) {
    case TypeKind::kSmallInt:
      return std::in_range<int16_t>(n);
    case TypeKind::kInt:
      return std::in_range<int32_t>(n);
    default:
      return true;
  }
}

// The constant as the engine would convert it for a comparison with the column; nullopt when only the engine
// can tell. The rules are those of direct plans (sql/bind.h).
std::optional<OwnedValue> ColumnConstant(const Value& raw, const Column& column,
                                         const engine::Engine& engine) {
  const TypeKind kind = column.type.kind;
  if (!tables::IsComparable(kind)) return std::nullopt;
  if (IsInteger(kind) && raw.kind == TypeKind::kBigInt) {
    if (!InRange(kind, raw.integer)) return std::nullopt;
    return OwnedValue(Value::Integer(kind, raw.integer));
  }
  if (kind == TypeKind::kText || kind == TypeKind::kBoolean) {
    if (raw.kind != kind) return std::nullopt;
    return OwnedValue(raw);
  }
  if (raw.kind != TypeKind::kText) return std::nullopt;
  Arena arena;
  const auto cast = engine.Cast(raw, column.type, arena);
  if (!cast || cast->is_null) return std::nullopt;
  return OwnedValue(*cast);
}

std::optional<Choice> ToChoice(const engine::LiveChoice& written, const TableSchema& schema,
                               const engine::Engine& engine) {
  const auto ordinal = schema.Find(written.column);
  if (!ordinal) return std::nullopt;
  Choice out;
  out.ordinal = *ordinal;
  out.keys.reserve(written.constants.size());
  for (const OwnedValue& written_constant : written.constants) {
    const auto constant = ColumnConstant(written_constant.view(), schema.columns[*ordinal], engine);
    if (!constant) return std::nullopt;
    AppendHashKey(constant->view(), out.keys.emplace_back());
  }
  std::ranges::sort(out.keys);
  const auto doubles = std::ranges::unique(out.keys);
  out.keys.erase(doubles.begin(), doubles.end());
  return out;
}

// False when something of the terms is left to the engine: _seq, an unknown column, another type.
bool ToTerms(const engine::LiveForm& form, const TableSchema& schema, const engine::Engine& engine,
             Filter::Terms& out) {
  bool complete = true;
  for (const engine::LiveTerm& term : form.terms) {
    const auto ordinal = schema.Find(term.column);
    if (ordinal && IsNullTest(term.op)) {
      out.conditions.push_back({*ordinal, term.op, OwnedValue()});
      continue;
    }
    std::optional<OwnedValue> constant;
    if (ordinal) constant = ColumnConstant(term.constant.view(), schema.columns[*ordinal], engine);
    if (constant) {
      out.conditions.push_back({*ordinal, term.op, std::move(*constant)});
    } else {
      complete = false;
    }
  }
  for (const engine::LiveChoice& written : form.choices) {
    if (auto choice = ToChoice(written, schema, engine)) {
      out.choices.push_back(std::move(*choice));
    } else {
      complete = false;
    }
  }
  return complete;
}

// What a condition may cost: nodes of it are evaluated for every change of the table (about 0.2 us each), by
// the hub's thread as far as a user's share goes, by readers beyond (hub_deferred.cc).
constexpr size_t kQueryBytesMax = 128u << 10;
constexpr size_t kJoinedTermsMax = 5'000;
constexpr size_t kEvaluatedNodesMax = 5'000;

Status CheckLength(std::string_view sql) {
  if (sql.size() > kQueryBytesMax) {
    return Fail(ErrorCode::kInvalidSql,
                fmt::format("The subscription's query has {} bytes, the maximum is {}; use a condition over "
                            "fewer constants, or several subscriptions",
                            sql.size(), kQueryBytesMax));
  }
  return {};
}
Status CheckSize(std::string_view sql) {
  KALAM_TRY(CheckLength(sql));
  return engine::CheckLexerCost(sql, kJoinedTermsMax);
}

std::string WithPrefix(std::string_view prefix, const std::string& message) {
  return message.starts_with(prefix) ? message : fmt::format("{}{}", prefix, message);
}

Refusal ToRefusal(Error error) {
  switch (error.code) {
    case ErrorCode::kSyntax:
    case ErrorCode::kInvalidSql:
    case ErrorCode::kEmptySql:
    case ErrorCode::kInvalidOperation:
      return {codes::kInvalidSql, WithPrefix("Invalid SQL: ", error.message)};
    case ErrorCode::kUnsupported:
      return {codes::kUnsupported, std::move(error.message)};
    case ErrorCode::kNotFoundTable:
    case ErrorCode::kNotFoundNamespace:
      return {codes::kNotFound, WithPrefix("Not found: ", error.message)};
    case ErrorCode::kPermissionDenied:
    case ErrorCode::kInsufficientRole:
      return {codes::kUnauthorized, std::move(error.message)};
    case ErrorCode::kInternal:
    case ErrorCode::kIo:
    case ErrorCode::kCorruption:
      return {codes::kFailed, "The subscription failed inside the server; the server's log says why"};
    default:
      return {codes::kFailed, std::move(error.message)};
  }
}

}  // namespace

void AppendHashKey(const Value& value, std::string& out) {
  if (IsVariable(value.kind)) {
    out += value.text();
  } else if (value.kind == TypeKind::kUuid) {
    out.append(reinterpret_cast<const char*>(&value.wide), sizeof value.wide);
  } else {
    out.append(reinterpret_cast<const char*>(&value.integer), sizeof value.integer);
  }
}

bool Choice::Has(const hot::RowView& row) const {
  const Value cell = row.Get(ordinal);
  if (cell.is_null) return false;
  thread_local std::string key;
  key.clear();
  AppendHashKey(cell, key);
  return std::ranges::binary_search(keys, key);
}

Filter::Filter(std::string key, Terms terms, const TableSchema& schema,
               std::shared_ptr<const engine::BoundPredicate> predicate, size_t nodes)
    : key_(std::move(key)), terms_(std::move(terms)), predicate_(std::move(predicate)), nodes_(nodes) {
  // The primary key never changes, so it needs no bit.
  const auto bit_of = [&](size_t ordinal) {
    const Column& column = schema.columns[ordinal];
    return column.primary_key ? uint16_t{0} : hot::HistoryBit(column.id);
  };
  for (const tables::OwnedCondition& condition : terms_.conditions) {
    columns_ |= condition_bits_.emplace_back(bit_of(condition.ordinal));
  }
  for (const Choice& choice : terms_.choices) {
    columns_ |= choice_bits_.emplace_back(bit_of(choice.ordinal));
  }
  if (predicate_ != nullptr) {
    for (const size_t ordinal : predicate_->columns()) {
      if (ordinal < schema.columns.size()) {
        columns_ |= bit_of(ordinal);
      } else {
        reads_seq_ = true;
      }
    }
  }
  for (const tables::OwnedCondition& condition : terms_.conditions) {
    if (condition.op != CompareOp::kEqual) continue;
    equality_ = Choice{condition.ordinal, {{}}};
    AppendHashKey(condition.constant.view(), equality_->keys[0]);
    return;
  }
  for (const Choice& choice : terms_.choices) {
    if (choice.keys.size() > kIndexedValuesMax) continue;
    equality_ = choice;
    return;
  }
}

bool Filter::TermsHold(const hot::RowView& row) const {
  return tables::Matches(terms_.conditions, row) &&
         std::ranges::all_of(terms_.choices, [&](const Choice& choice) { return choice.Has(row); });
}

bool Filter::MayHaveMatched(const hot::RowView& row) const {
  const hot::RowHistory history = row.history();
  const auto may_differ = [&](uint16_t bits) { return bits != 0 && history.MayDiffer(bits); };
  if (!reads_seq_ && !may_differ(columns_)) return false;
  if (history.first) return false;
  // A term over a column that never changed decided as it does now.
  for (size_t i = 0; i < terms_.conditions.size(); ++i) {
    if (may_differ(condition_bits_[i])) continue;
    const tables::OwnedCondition& term = terms_.conditions[i];
    const tables::Condition fixed{term.ordinal, term.op, term.constant.view()};
    if (!tables::Matches(std::span(&fixed, 1), row)) return false;
  }
  for (size_t i = 0; i < terms_.choices.size(); ++i) {
    if (!may_differ(choice_bits_[i]) && !terms_.choices[i].Has(row)) return false;
  }
  return true;
}

Status Filter::Match(std::span<const hot::RowView> rows, const TableSchema& schema, int64_t now_micros,
                     std::vector<uint8_t>& out) const {
  out.assign(rows.size(), 1);
  // Terms first: they are cheap, and rows that they exclude cannot make the predicate fail... which the
  // engine does not promise either way, since it may reorder the terms of a conjunction.
  std::vector<hot::RowView> left;
  std::vector<size_t> positions;
  for (size_t i = 0; i < rows.size(); ++i) {
    out[i] = TermsHold(rows[i]) ? 1 : 0;
    if (out[i] == 0 || predicate_ == nullptr) continue;
    left.push_back(rows[i]);
    positions.push_back(i);
  }
  if (predicate_ == nullptr) return {};
  const auto columns = predicate_->columns();
  std::vector<uint8_t> matches;
  for (size_t from = 0; from < left.size(); from += engine::BoundPredicate::kRowsMax) {
    const size_t count = std::min(left.size() - from, engine::BoundPredicate::kRowsMax);
    const auto fill = [&](engine::BatchWriter& writer) {
      for (size_t row = 0; row < count; ++row) {
        for (size_t i = 0; i < columns.size(); ++i) {
          writer.Set(i, row, tables::CellOf(left[from + row], schema, columns[i]));
        }
      }
    };
    KALAM_TRY(predicate_->Evaluate(count, fill, now_micros, matches));
    for (size_t row = 0; row < count; ++row) out[positions[from + row]] = matches[row];
  }
  return {};
}

std::optional<Refusal> RefuseAccess(const Principal& principal, const catalog::Table& table) {
  const auto allowed =
      auth::Allow(principal, auth::Access::kRead, table.type, table.access_level, table.full_name());
  if (allowed) return std::nullopt;
  // Writes to a public table need more than reads, reads of it do not.
  if (table.type == TableType::kShared && principal.role != Role::kAnonymous) {
    return Refusal{codes::kUnauthorized,
                   fmt::format("Cannot subscribe to shared table '{}': access level '{}' requires elevated "
                               "privileges.",
                               table.full_name(), AccessLevelName(table.access_level))};
  }
  return Refusal{codes::kUnauthorized, allowed.error().message};
}

std::optional<Refusal> Queries::RefuseLength(std::string_view sql) {
  const Status length = CheckLength(sql);
  return length ? std::nullopt : std::optional(ToRefusal(length.error()));
}

OrRefusal<QueryPtr> Queries::Compile(const std::string& sql, const Principal& principal) {
  const auto refuse = [](Error error) { return std::unexpected(ToRefusal(std::move(error))); };
  if (const Status size = CheckSize(sql); !size) return refuse(size.error());
  const auto parsed = engine_.Parse(sql);
  if (!parsed) return refuse(parsed.error());
  const auto form = engine::ReadLiveForm(**parsed, principal);
  if (!form) return refuse(form.error());
  const engine::TableName& name = (*parsed)->tables()[0];
  if (name.ns.empty()) {
    return refuse(Error(ErrorCode::kInvalidSql, "Query must use namespace.table format"));
  }
  const catalog::TablePtr table = catalog_.Snapshot()->FindTable(name.ns, name.table);
  if (table == nullptr) {
    if (name.ns == "system" || name.ns == "information_schema") {
      return refuse(Error(ErrorCode::kUnsupported,
                          "Subscriptions are for user, shared and stream tables, not for system tables"));
    }
    if (const Status view = catalog::RefuseView(*catalog_.Snapshot(), name.ns, name.table,
                                                "subscribe to the table that it reads");
        !view) {
      return refuse(view.error());
    }
    return refuse(
        Error(ErrorCode::kNotFoundTable, fmt::format("Table not found: {}.{}", name.ns, name.table)));
  }
  if (auto refusal = RefuseAccess(principal, *table)) return std::unexpected(std::move(*refusal));

  std::string key = fmt::format("{}/{}/", table->id.value, table->schema().version);
  if (form->names_caller) key += fmt::format("{}:{}/", principal.user_id.size(), principal.user_id);
  if (form->names_role) key += fmt::format("{}/", RoleName(principal.role));
  key += sql;
  if (QueryPtr known = Remembered(key)) return known;
  auto made = Make(*form, *parsed, table, principal);
  if (!made) return refuse(std::move(made).error());
  Remember(key, *made);
  return *made;
}

Result<QueryPtr> Queries::Make(const engine::LiveForm& form, const engine::ParsedStatementPtr& parsed,
                               const catalog::TablePtr& table, const Principal& principal) const {
  const TableSchema& schema = table->schema();
  auto query = std::make_shared<Query>();
  query->table = table;
  if (form.names_role) query->role = principal.role;
  KALAM_ASSIGN(query->projection, Projection::Make(*table, form.items));
  Filter::Terms terms;
  const bool decided = ToTerms(form, schema, engine_, terms);
  std::shared_ptr<const engine::BoundPredicate> predicate;
  if (form.has_where && !(form.complete && decided)) {
    if (form.nodes > kEvaluatedNodesMax) {
      return Fail(
          ErrorCode::kInvalidSql,
          fmt::format("The condition of the subscription has {} operators, columns and constants, the "
                      "maximum is {}; only column IN (constants) and plain comparisons joined by AND "
                      "may be longer",
                      form.nodes, kEvaluatedNodesMax));
    }
    std::vector<ResultColumn> columns;
    columns.reserve(schema.columns.size() + 2);
    for (size_t i = 0; i < schema.columns.size() + 2; ++i) {
      columns.push_back(tables::ResultColumnOf(schema, i));
    }
    KALAM_ASSIGN(predicate, engine_.BindPredicate(parsed, columns, principal));
  }
  query->filter = std::make_shared<Filter>(form.condition, std::move(terms), table->schema(),
                                           std::move(predicate), form.nodes);
  return query;
}

QueryPtr Queries::Remembered(const std::string& key) {
  std::lock_guard lock(mu_);
  const auto it = known_.find(key);
  return it == known_.end() ? nullptr : it->second.lock();
}

void Queries::Remember(const std::string& key, const QueryPtr& query) {
  std::lock_guard lock(mu_);
  const auto [it, fresh] = known_.insert_or_assign(key, query);
  if (fresh) known_bytes_ += key.size() + sizeof(*it);
  if (known_bytes_ < sweep_at_bytes_) return;
  std::erase_if(known_, [](const auto& entry) { return entry.second.expired(); });
  known_bytes_ = 0;
  for (const auto& entry : known_) known_bytes_ += entry.first.size() + sizeof(entry);
  sweep_at_bytes_ = std::max(kSweepBytes, known_bytes_ * 2);
}

}  // namespace kalam::live
