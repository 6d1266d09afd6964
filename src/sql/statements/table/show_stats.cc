// SHOW STATS FOR TABLE: what the caller's part of a table holds now. Counts by looking at every row, so it
// takes as long as SELECT COUNT(*).
#include <algorithm>
#include <array>
#include <memory>
#include <string>
#include <utility>

#include "cold/segment.h"
#include "hot/key_codec.h"
#include "sql/request.h"
#include "sql/statements/statements.h"
#include "sql/statements/table/readable_table.h"
#include "tables/row_source.h"
#include "tables/table_scope.h"

namespace kalam::sql {
namespace {

constexpr int64_t kDeadlineCheckRows = 1024;

// The one number of a COUNT(*).
class CountSink final : public RowSink {
 public:
  void Begin(std::span<const ResultColumn>) override {}
  Status Row(std::span<const Value> values) override {
    count_ = values[0].integer;
    return {};
  }
  int64_t count() const { return count_; }

 private:
  int64_t count_ = 0;
};

Status CheckDeadline(const Request& request, const Services& services) {
  if (services.clock.MonotonicNanos() <= request.payload.deadline_nanos) return {};
  return Fail(ErrorCode::kDeadline, "Handler execution exceeded its timeout");
}

// Hot and cold rows, as SELECT COUNT(*) gives them.
Result<int64_t> CountRows(const catalog::TablePtr& table, const Request& request, const Services& services) {
  KALAM_ASSIGN(const auto statement, services.engine.Parse("SELECT COUNT(*) FROM t"));
  KALAM_ASSIGN(const auto source,
               tables::RowSource::Make(request.view(services).AtSnapshot(), table, request.principal->user_id,
                                       false, services.clock.WallMillis()));
  const std::array<std::shared_ptr<const engine::Source>, 1> sources = {source};
  engine::RunRequest run;
  run.statement = statement;
  run.sources = sources;
  run.context.principal = request.principal.get();
  run.context.now_micros = request.now_micros;
  run.context.deadline_nanos = request.payload.deadline_nanos;
  run.context.stop = request.payload.stop;
  CountSink sink;
  KALAM_TRY(services.engine.Run(run, sink));
  return sink.count();
}

Result<int64_t> CountSegments(const catalog::Table& table, const Request& request, const Services& services) {
  const std::string prefix = tables::ScopePrefix(table, request.principal->user_id);
  KALAM_ASSIGN(const auto segments, cold::ReadSegments(services.store, prefix));
  return std::ranges::count_if(segments, [](const cold::SegmentPtr& segment) {
    return segment->status == cold::SegmentStatus::kLive;
  });
}

// Keys and rows of the hot tier, tombstones among them.
Result<int64_t> HotBytes(const catalog::Table& table, const Request& request, const Services& services) {
  const std::string prefix = tables::ScopePrefix(table, request.principal->user_id);
  const auto cursor = services.store.Scan(hot::Space::kRows, prefix, hot::PrefixEnd(prefix));
  int64_t bytes = 0;
  for (int64_t seen = 1; cursor->Valid(); cursor->Next(), ++seen) {
    bytes += static_cast<int64_t>(cursor->key().size() + cursor->value().size());
    if (seen % kDeadlineCheckRows == 0) KALAM_TRY(CheckDeadline(request, services));
  }
  KALAM_TRY(cursor->status());
  return bytes;
}

}  // namespace

Result<Outcome> RunShowStats(const Statement& statement, Request& request, Services& services) {
  static const std::array<ResultColumn, 7> kColumns = {
      {{"table_name", Type(TypeKind::kText), false, true},
       {"namespace", Type(TypeKind::kText), false, true},
       {"schema_version", Type(TypeKind::kUBigInt), false, true},
       {"logical_rows", Type(TypeKind::kUBigInt), false, true},
       {"flushed_segments", Type(TypeKind::kUBigInt), false, true},
       {"active_streams", Type(TypeKind::kUBigInt), false, true},
       {"memory_bytes", Type(TypeKind::kUBigInt), false, true}}};
  const auto& show = std::get<ShowStats>(statement.body);
  KALAM_ASSIGN(const catalog::TablePtr table, ReadableTable(show.table, request, services));
  KALAM_ASSIGN(const int64_t rows, CountRows(table, request, services));
  KALAM_ASSIGN(const int64_t bytes, HotBytes(*table, request, services));
  KALAM_ASSIGN(const int64_t segments, CountSegments(*table, request, services));
  const int64_t subscriptions = services.live != nullptr ? services.live->CountOn(table->id) : 0;
  const auto count = [](int64_t n) { return Value::Integer(TypeKind::kUBigInt, n); };
  const std::array<Value, 7> row = {Value::Text(table->name),
                                    Value::Text(table->ns),
                                    count(table->schema().version),
                                    count(rows),
                                    count(segments),
                                    count(subscriptions),
                                    count(bytes)};
  request.response.Begin(kColumns);
  KALAM_TRY(request.response.Row(row));
  return Outcome{OutcomeKind::kRows, 1, {}};
}

}  // namespace kalam::sql
