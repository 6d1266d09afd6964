#include "sql/engine_run.h"

#include <fmt/format.h>

#include <algorithm>
#include <memory>
#include <unordered_set>
#include <utility>

#include "hot/key_codec.h"
#include "hot/row_codec.h"
#include "sql/audit.h"
#include "sql/direct.h"
#include "tables/row_builder.h"
#include "tables/row_source.h"
#include "tables/table_scope.h"

namespace kalam::sql {
namespace {

constexpr int kAttemptsMax = 64;

engine::StatementContext ContextOf(const Request& request, Services& services) {
  engine::StatementContext context;
  context.principal = request.principal.get();
  context.now_micros = request.now_micros;
  context.next_snowflake = [&services] { return services.snowflake.Next(); };
  context.deadline_nanos = request.payload.deadline_nanos;
  context.stop = request.payload.stop;
  return context;
}

// Every table of the statement as this principal sees it, all at one snapshot.
Result<std::vector<std::shared_ptr<const engine::Source>>> MakeSources(const Request& request,
                                                                       Services& services) {
  const tables::ReadView view = request.view(services).AtSnapshot();
  std::vector<std::shared_ptr<const engine::Source>> sources;
  for (const auto& [table, system_table] : request.plan->tables) {
    if (system_table != nullptr) {
      sources.push_back(
          system::MakeSystemSource(*system_table, SystemContextOf(services, request.principal)));
      continue;
    }
    KALAM_ASSIGN(auto source, tables::RowSource::Make(view, table, request.principal->user_id,
                                                      request.plan->parsed->mentions_deleted(),
                                                      services.clock.WallMillis()));
    sources.push_back(std::move(source));
  }
  return sources;
}

// A table without rows: what a statement is bound to that is not run.
class Definition final : public engine::Source {
 public:
  // `only`: the columns that it has; nullptr = all of `table`. It always has one.
  Definition(const engine::Source& table, const std::vector<std::string>* only) {
    for (const ResultColumn& column : table.columns()) {
      if (only == nullptr || std::ranges::find(*only, column.name) != only->end()) columns_.push_back(column);
    }
    if (columns_.empty()) columns_.push_back(table.columns().front());
  }
  std::span<const ResultColumn> columns() const override { return columns_; }
  Result<std::unique_ptr<engine::SourceScan>> Scan(const engine::ScanRequest&) const override {
    class NoRows final : public engine::SourceScan {
     public:
      Result<size_t> Next(engine::BatchWriter&) override { return 0; }
    };
    return std::make_unique<NoRows>();
  }
  std::string Describe() const override { return "definition"; }

 private:
  std::vector<ResultColumn> columns_;
};

// Turns the rows of RunForm::kInsertedRows into insert operations.
class InsertSink final : public RowSink {
 public:
  InsertSink(const catalog::Table& table, std::span<const size_t> columns, std::string prefix,
             tables::DefaultSources sources, std::span<const engine::DefaultCell> defaults, int64_t rows_max,
             hot::Batch& batch)
      : builder_(table, columns, std::move(prefix), sources),
        defaults_(defaults),
        rows_max_(rows_max),
        batch_(batch) {}

  void Begin(std::span<const ResultColumn>) override {}
  Status Row(std::span<const Value> values) override {
    if (static_cast<int64_t>(batch_.rows.size()) >= rows_max_) {
      return Fail(ErrorCode::kLimitExceeded,
                  fmt::format("INSERT has more than {} rows (limits.max_insert_rows). Split the statement",
                              rows_max_));
    }
    defaulted_.clear();
    for (; !defaults_.empty() && defaults_.front().row == row_; defaults_ = defaults_.subspan(1))
      defaulted_.push_back(defaults_.front().position);
    ++row_;
    return builder_.Add(values, batch_, defaulted_);
  }

 private:
  tables::RowBuilder builder_;
  std::span<const engine::DefaultCell> defaults_;  // of this row and later ones
  std::vector<size_t> defaulted_;
  size_t row_ = 0;
  int64_t rows_max_;
  hot::Batch& batch_;
};

// Turns the rows of RunForm::kChangedRows into update or delete operations with the version that was seen as
// precondition.
class ChangeSink final : public RowSink {
 public:
  // `cold`: rows may come from the cold tier, whose old bytes the committer needs.
  ChangeSink(const catalog::Table& table, std::string prefix, std::vector<size_t> written, bool deletes,
             bool cold, tables::DefaultSources sources, std::span<const engine::DefaultCell> defaults,
             hot::Batch& batch)
      : table_(table),
        prefix_(std::move(prefix)),
        written_(std::move(written)),
        deletes_(deletes),
        cold_(cold),
        sources_(sources),
        defaults_(defaults),
        batch_(batch) {}

  void Begin(std::span<const ResultColumn>) override {}

  Status Row(std::span<const Value> values) override {
    const TableSchema& schema = table_.schema();
    const size_t width = schema.columns.size();
    // A deleted row can match a filter that names _deleted; it cannot be changed.
    if (table_.type != TableType::kStream && !values[tables::DeletedOrdinal(schema)].is_null &&
        values[tables::DeletedOrdinal(schema)].integer != 0)
      return {};
    hot::RowOp op;
    const bool stream = table_.type == TableType::kStream;  // only DELETE comes here for these
    op.kind = stream ? hot::RowOpKind::kErase : deletes_ ? hot::RowOpKind::kDelete : hot::RowOpKind::kUpdate;
    op.prefix_size = static_cast<uint32_t>(prefix_.size());
    op.seen = Seq(values[tables::SeqOrdinal(schema)].integer);
    op.key = prefix_;
    if (stream) {
      hot::AppendSeq(op.seen, op.key);
    } else {
      KALAM_TRY(hot::AppendPrimaryKey(values[*schema.primary_key()], op.key));
    }
    row_.assign(values.begin(), values.begin() + static_cast<std::ptrdiff_t>(width));
    bool changed = deletes_;
    ++row_number_;
    if (cold_) {
      KALAM_TRY(table_.codec->Encode(row_, op.cold_before));
      hot::PatchSeq(op.seen, op.cold_before);
    }
    Arena arena;
    for (size_t i = 0; i < written_.size(); ++i) {
      const Column& column = schema.columns[written_[i]];
      const bool by_default = std::ranges::find(defaults_, engine::DefaultCell{0, i}) != defaults_.end();
      const Value value = by_default ? tables::DefaultOf(column, sources_, arena) : values[width + 2 + i];
      if (value.is_null && !column.nullable) {
        return Fail(ErrorCode::kConstraint,
                    fmt::format("NOT NULL constraint violation: column '{}' cannot be NULL (row {})",
                                column.name, row_number_));
      }
      if (!Identical(value, row_[written_[i]])) {
        changed = true;
        op.history.changed |= hot::HistoryBit(column.id);
      }
      row_[written_[i]] = value;
    }
    if (!changed) return {};
    KALAM_TRY(table_.codec->Encode(row_, op.value));
    if (deletes_) hot::PatchDeleted(true, op.value);
    // A join can name a row twice; the first wins.
    if (!keys_.insert(op.key).second) return {};
    batch_.rows.push_back(std::move(op));
    return {};
  }

 private:
  const catalog::Table& table_;
  std::string prefix_;
  std::vector<size_t> written_;
  bool deletes_;
  bool cold_;
  tables::DefaultSources sources_;
  std::span<const engine::DefaultCell> defaults_;
  hot::Batch& batch_;
  std::vector<Value> row_;
  std::unordered_set<std::string> keys_;
  int64_t row_number_ = 0;
};

Status RequireKey(const catalog::Table& table, std::string_view verb) {
  if (table.schema().primary_key() || table.type == TableType::kStream) return {};
  return Fail(ErrorCode::kInvalidOperation,
              fmt::format("{} requires a primary key; table '{}' has none", verb, table.full_name()));
}

std::vector<size_t> WrittenOrdinals(const Plan& plan) {
  const TableSchema& schema = plan.target->schema();
  std::vector<size_t> ordinals;
  if (plan.parsed->inserts_defaults()) return {0};
  for (const std::string& name : plan.parsed->written_columns()) ordinals.push_back(*schema.Find(name));
  if (plan.kind == engine::StatementKind::kInsert && ordinals.empty()) {
    for (size_t i = 0; i < schema.columns.size(); ++i) ordinals.push_back(i);
  }
  return ordinals;
}

Result<hot::Batch> ComputeWrite(Request& request, Services& services) {
  const Plan& plan = *request.plan;
  const catalog::Table& table = *plan.target;
  KALAM_ASSIGN(const auto sources, MakeSources(request, services));
  const std::vector<size_t> written = WrittenOrdinals(plan);
  std::vector<ResultColumn> cast_to;
  cast_to.reserve(written.size());
  for (const size_t ordinal : written) cast_to.push_back(tables::ResultColumnOf(table.schema(), ordinal));

  hot::Batch batch;
  batch.guards.push_back({table.id, table.schema().version});
  engine::RunRequest run;
  run.statement = plan.parsed;
  run.sources = sources;
  run.parameters = request.payload.parameters;
  run.cast_to = cast_to;
  run.context = ContextOf(request, services);
  const std::string prefix = tables::ScopePrefix(table, request.principal->user_id);
  const tables::DefaultSources defaults{services.snowflake, services.random, request.now_micros,
                                        request.principal->user_id};
  const auto& default_cells = plan.parsed->default_cells();
  if (plan.kind == engine::StatementKind::kInsert) {
    run.form = engine::RunForm::kInsertedRows;
    InsertSink sink(table, written, prefix, defaults, default_cells, services.settings.limits.max_insert_rows,
                    batch);
    KALAM_TRY(services.engine.Run(run, sink));
    if (table.type == TableType::kStream) return batch;  // their keys are not theirs to choose
    std::unordered_set<std::string_view> keys;
    for (const hot::RowOp& op : batch.rows) {
      if (!keys.insert(op.key).second) return Fail(tables::DuplicateKeyError(table, op, true));
    }
    return batch;
  }
  run.form = engine::RunForm::kChangedRows;
  ChangeSink sink(table, prefix, written, plan.kind == engine::StatementKind::kDelete,
                  services.store.HasColdRows(table.id), defaults, default_cells, batch);
  KALAM_TRY(services.engine.Run(run, sink));
  return batch;
}

}  // namespace

std::optional<int64_t> RowCap(const Plan& plan, const config::Settings& settings) {
  std::optional<int64_t> cap;
  if (settings.limits.max_query_limit > 0) cap = settings.limits.max_query_limit;
  const int64_t by_default = settings.limits.default_query_limit;
  if (by_default > 0 && !plan.parsed->has_limit()) cap = std::min(cap.value_or(by_default), by_default);
  return cap;
}

Result<Outcome> RunEngineQuery(Request& request, Services& services) {
  KALAM_ASSIGN(const auto sources, MakeSources(request, services));
  const bool explain = request.plan->kind == engine::StatementKind::kExplain;
  engine::RunRequest run;
  run.statement = request.plan->parsed;
  run.form = engine::RunForm::kQuery;
  // A system table has an order of its own, which is also that of the way without the engine.
  const auto& tables = request.plan->tables;
  run.default_order = tables.size() != 1 || tables.front().system == nullptr;
  run.sources = sources;
  run.parameters = request.payload.parameters;
  const auto cap = explain ? std::nullopt : RowCap(*request.plan, services.settings);
  if (cap) run.row_limit = *cap + 1;  // one more tells that there is more
  run.context = ContextOf(request, services);

  // Passes rows on up to the cap.
  class CappedSink final : public RowSink {
   public:
    CappedSink(wire::SqlResponse& response, std::optional<int64_t> cap) : response_(response), cap_(cap) {}
    void Begin(std::span<const ResultColumn> columns) override { response_.Begin(columns); }
    Status Row(std::span<const Value> values) override {
      if (cap_ && rows_ == *cap_) {
        response_.SetTruncated();
        return {};
      }
      ++rows_;
      return response_.Row(values);
    }
    int64_t rows() const { return rows_; }

   private:
    int64_t rows_ = 0;
    wire::SqlResponse& response_;
    std::optional<int64_t> cap_;
  };
  CappedSink sink(request.response, cap);
  KALAM_TRY(services.engine.Run(run, sink));
  return Outcome{OutcomeKind::kRows, sink.rows(), {}};
}

Result<SelectBinding> BindWithoutRows(PlanPtr select, const std::vector<std::vector<std::string>>* only,
                                      Request& request, Services& services) {
  class ColumnSink final : public RowSink {
   public:
    void Begin(std::span<const ResultColumn> columns) override {
      found.assign(columns.begin(), columns.end());
    }
    Status Row(std::span<const Value>) override { return {}; }
    std::vector<ResultColumn> found;
  };
  const PlanPtr outer = std::exchange(request.plan, std::move(select));
  auto sources = MakeSources(request, services);
  const PlanPtr plan = std::exchange(request.plan, outer);
  if (!sources) return std::unexpected(std::move(sources).error());
  for (size_t i = 0; i < sources->size(); ++i)
    (*sources)[i] = std::make_shared<Definition>(*(*sources)[i], only == nullptr ? nullptr : &(*only)[i]);
  std::vector<std::vector<size_t>> positions;
  engine::RunRequest run;
  run.statement = plan->parsed;
  run.sources = *sources;
  run.default_order = false;
  run.row_limit = 0;
  run.read_columns = &positions;
  run.context = ContextOf(request, services);
  ColumnSink sink;
  KALAM_TRY(services.engine.Run(run, sink));
  SelectBinding bound{std::move(sink.found), {}};
  for (size_t i = 0; i < sources->size(); ++i) {
    std::vector<std::string>& names = bound.reads.emplace_back();
    for (const size_t position : positions[i]) names.push_back((*sources)[i]->columns()[position].name);
  }
  return bound;
}

Result<Outcome> RunEngineWrite(Request& request, Services& services) {
  const Plan& plan = *request.plan;
  const bool inserts = plan.kind == engine::StatementKind::kInsert;
  const OutcomeKind kind = inserts                                       ? OutcomeKind::kInserted
                           : plan.kind == engine::StatementKind::kUpdate ? OutcomeKind::kUpdated
                                                                         : OutcomeKind::kDeleted;
  KALAM_TRY(RequireKey(*plan.target, inserts ? "INSERT" : "UPDATE and DELETE"));
  for (int attempt = 0;; ++attempt) {
    KALAM_ASSIGN(hot::Batch batch, ComputeWrite(request, services));
    if (batch.rows.empty()) return Outcome{kind, 0, {}};
    AuditRows(request.payload, *request.principal, *plan.target, kind, services, batch.meta);
    if (request.transaction) return StageWrite(*request.transaction, plan.target, kind, std::move(batch));
    hot::CommitResult result = services.store.Commit(std::move(batch));
    const bool row_conflict =
        !result.status && result.status.error().code == ErrorCode::kConflict && result.failed_op;
    const bool time_left = services.clock.MonotonicNanos() < request.payload.deadline_nanos;
    if (!row_conflict || attempt >= kAttemptsMax || !time_left)
      return FinishWrite(*plan.target, kind, std::move(result));
  }
}

}  // namespace kalam::sql
