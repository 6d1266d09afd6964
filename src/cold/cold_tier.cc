// Opening, and the read side.
#include "cold/cold_tier.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <unordered_set>
#include <utility>

#include "cold/sources.h"
#include "hot/key_codec.h"
#include "hot/seq.h"
#include "observe/log.h"

namespace kalam::cold {
namespace {

constexpr size_t kStatementsMax = 1'024;

// Dead rows of a segment and some that one statement does not see.
class DeadAndHidden final : public engine::DeadRows {
 public:
  DeadAndHidden(const MarkSetPtr& dead, std::vector<uint32_t> hidden) {
    if (dead) hidden.insert(hidden.end(), dead->rows().begin(), dead->rows().end());
    std::sort(hidden.begin(), hidden.end());
    all_.emplace(std::move(hidden));
  }
  size_t Alive(uint32_t start, size_t count, uint32_t* out) const override {
    return all_->Alive(start, count, out);
  }

 private:
  std::optional<MarkSet> all_;
};

// The one row of a point read, as the hot tier would store it.
class OneRow final : public RowSink {
 public:
  explicit OneRow(const TableShape& shape) : shape_(shape) {}
  void Begin(std::span<const ResultColumn>) override {}
  Status Row(std::span<const Value> values) override {
    const size_t width = shape_.schema().columns.size();
    if (++rows_ > 1) return Fail(ErrorCode::kCorruption, "a segment holds a key twice");
    KALAM_TRY(shape_.codec->Encode(values.first(width), row));
    hot::PatchSeq(Seq(values[width].integer), row);
    return {};
  }
  std::string row;

 private:
  const TableShape& shape_;
  int rows_ = 0;
};

}  // namespace

std::string UserOf(const TableShape& shape, std::string_view prefix) {
  if (!shape.has_private_rows()) return {};
  return hot::DecodeScope(prefix).value_or(std::string());
}

ColdTier::ColdTier(hot::Store& store, const engine::Engine& engine, engine::ParquetWriter& writer,
                   StorageResolver& storages, const Clock& clock, TierOptions options)
    : store_(store),
      engine_(engine),
      writer_(writer),
      storages_(storages),
      clock_(clock),
      options_(options),
      marks_(store, options.mark_bytes_max) {}

Status ColdTier::Open() {
  hot::PinnedBytes bytes;
  KALAM_ASSIGN(const bool found, store_.Get(hot::Space::kMeta, kNextSegmentKey, bytes));
  KALAM_ASSIGN(const auto segments, ReadSegments(store_, {}));
  std::lock_guard lock(mu_);
  if (found) {
    const std::string_view text = bytes.bytes();
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), next_segment_);
    if (error != std::errc() || end != text.data() + text.size()) {
      return Fail(ErrorCode::kCorruption, "the stored number of the next segment is malformed");
    }
  }
  for (const SegmentPtr& segment : segments) {
    if (segment->id >= next_segment_) {
      return Fail(ErrorCode::kCorruption, "a segment has a number that was not given yet");
    }
    store_.AddColdTable(hot::TableOf(segment->prefix));
    // Without visible rows nobody needs it: its flush will start again with another file.
    if (segment->status != SegmentStatus::kLive || segment->visible_rows == 0) {
      garbage_.push_back({0, segment});
    }
  }
  return {};
}

Result<engine::DataFile> ColdTier::FileOf(const TableShape& shape, const Segment& segment) const {
  engine::DataFile file;
  KALAM_ASSIGN(const ObjectStorePtr store, storages_.StoreOf(segment.storage_id));
  file.path = engine::FileName(segment.storage_id, segment.path);
  file.size = segment.bytes;
  file.rows = segment.rows;
  file.visible_rows = segment.visible_rows;
  file.seq_min = segment.seq_min.value;
  file.seq_max = segment.seq_max.value;
  const auto key = shape.schema().primary_key();
  if (!key || segment.rows == 0) return file;
  const DataType& type = shape.schema().columns[*key].type;
  KALAM_ASSIGN(const Value min, hot::DecodePrimaryKey(type, segment.key_min));
  file.key_min = OwnedValue(min);
  KALAM_ASSIGN(const Value max, hot::DecodePrimaryKey(type, segment.key_max));
  file.key_max = OwnedValue(max);
  return file;
}

Result<std::shared_ptr<const engine::FileSet>> ColdTier::Files(const TableShape& shape,
                                                               std::string_view prefix,
                                                               const hot::Snapshot& snapshot,
                                                               std::span<const hot::ColdPlace> hidden) {
  using SetPtr = std::shared_ptr<const engine::FileSet>;
  if (!store_.HasColdRows(shape.id)) return SetPtr();
  KALAM_ASSIGN(const auto segments, ReadSegments(store_, prefix, &snapshot));
  auto set = std::make_shared<engine::FileSet>();
  for (const SegmentPtr& segment : segments) {
    if (segment->status != SegmentStatus::kLive || segment->visible_rows == 0) continue;
    KALAM_ASSIGN(const MarkSetPtr dead, marks_.Get(segment->id, snapshot));
    KALAM_ASSIGN(engine::DataFile file, FileOf(shape, *segment));
    std::vector<uint32_t> unseen;
    for (const hot::ColdPlace& place : hidden) {
      if (place.segment == segment->id) unseen.push_back(place.row);
    }
    if (!unseen.empty()) {
      file.dead = std::make_shared<const DeadAndHidden>(dead, std::move(unseen));
    } else {
      file.dead = dead;
    }
    set->files.push_back(std::move(file));
  }
  if (set->files.empty()) return SetPtr();
  set->columns = FileColumnsOf(shape.schema());
  set->key_column = shape.schema().primary_key();
  set->seq_column = shape.schema().columns.size();
  return SetPtr(std::move(set));
}

Result<std::optional<hot::ColdEntry>> ColdTier::Find(std::string_view key,
                                                     const hot::Snapshot* snapshot) const {
  hot::PinnedBytes bytes;
  KALAM_ASSIGN(const bool found, store_.Get(hot::Space::kColdKeys, key, bytes, snapshot));
  if (!found) return std::nullopt;
  return hot::DecodeColdEntry(bytes.bytes());
}

Result<engine::ParsedStatementPtr> ColdTier::Statement(const std::string& sql) {
  {
    std::lock_guard lock(mu_);
    if (const auto it = statements_.find(sql); it != statements_.end()) return it->second;
  }
  KALAM_ASSIGN(auto parsed, engine_.Parse(sql));
  std::lock_guard lock(mu_);
  if (statements_.size() >= kStatementsMax) statements_.clear();
  return statements_.emplace(sql, std::move(parsed)).first->second;
}

Result<int64_t> ColdTier::Run(const std::string& sql, std::shared_ptr<const engine::Source> source,
                              std::span<const Value> parameters, RowSink& sink, int64_t deadline_nanos) {
  engine::RunRequest run;
  KALAM_ASSIGN(run.statement, Statement(sql));
  const std::shared_ptr<const engine::Source> sources[] = {std::move(source)};
  run.sources = sources;
  run.parameters = parameters;
  run.default_order = false;
  run.context.now_micros = clock_.WallMicros();
  run.context.deadline_nanos = deadline_nanos;
  return engine_.Run(run, sink);
}

Result<std::string> ColdTier::Row(const TableShape& shape, std::string_view key, size_t prefix_size,
                                  const hot::ColdEntry& entry, const hot::Snapshot& snapshot,
                                  int64_t deadline_nanos) {
  KALAM_ASSIGN(const SegmentPtr segment,
               ReadSegment(store_, key.substr(0, prefix_size), entry.place.segment, &snapshot));
  if (segment == nullptr) {
    return Fail(ErrorCode::kCorruption,
                fmt::format("a row of table {} stands in segment {}, which is unknown", shape.full_name(),
                            entry.place.segment));
  }
  KALAM_ASSIGN(engine::DataFile file, FileOf(shape, *segment));
  file.visible_rows = file.rows;
  std::vector<engine::DataFile> files;
  files.push_back(std::move(file));
  const Column& column = shape.schema().columns[*shape.schema().primary_key()];
  KALAM_ASSIGN(const Value value, hot::DecodePrimaryKey(column.type, key.substr(prefix_size)));
  // A parameter shows DECIMAL with all its digits; as another type than the column's it would not find its
  // way into the file.
  const std::string operand =
      column.type.kind == TypeKind::kDecimal ? fmt::format("CAST($1 AS {})", SqlName(column.type)) : "$1";
  OneRow sink(shape);
  KALAM_TRY(Run(fmt::format("SELECT * FROM t WHERE \"{}\" = {}", column.name, operand),
                std::make_shared<FileRows>(shape.schema(), std::move(files), false), {&value, 1}, sink,
                deadline_nanos));
  if (sink.row.empty() || hot::RowSeq(sink.row) != entry.seq) {
    return Fail(ErrorCode::kCorruption,
                fmt::format("file '{}' does not hold a row of table {} that it should", segment->path,
                            shape.full_name()));
  }
  hot::PatchHistory(entry.history, sink.row);
  return std::move(sink.row);
}

namespace {

class VisitRows final : public RowSink {
 public:
  VisitRows(const TableShape& shape, const std::string& prefix, const ColdTier::VisitRow& visit)
      : shape_(shape), prefix_(prefix), visit_(visit) {}
  void Begin(std::span<const ResultColumn>) override {}
  Status Row(std::span<const Value> values) override {
    const size_t width = shape_.schema().columns.size();
    row_.clear();
    KALAM_TRY(shape_.codec->Encode(values.first(width), row_));
    hot::PatchSeq(Seq(values[width].integer), row_);
    key_ = prefix_;
    KALAM_TRY(hot::AppendPrimaryKey(values[*shape_.schema().primary_key()], key_));
    return visit_(key_, row_);
  }

 private:
  const TableShape& shape_;
  const std::string& prefix_;
  const ColdTier::VisitRow& visit_;
  std::string key_;
  std::string row_;
};

// All files of one scope, which has been looked up already.
class ScopeFiles final : public engine::Source {
 public:
  ScopeFiles(const TableSchema& schema, std::shared_ptr<const engine::FileSet> set)
      : columns_(ColumnsOf(schema)), set_(std::move(set)) {}
  std::span<const ResultColumn> columns() const override { return columns_; }
  Result<std::unique_ptr<engine::SourceScan>> Scan(const engine::ScanRequest&) const override {
    return Fail(ErrorCode::kInternal, "A source of files alone was asked for rows of its own");
  }
  std::string Describe() const override { return "files"; }
  std::shared_ptr<const engine::FileSet> files() const override { return set_; }
  bool has_own_rows() const override { return false; }

 private:
  std::vector<ResultColumn> columns_;
  std::shared_ptr<const engine::FileSet> set_;
};

}  // namespace

Status ColdTier::ReadRows(const TableShape& shape, std::string_view prefix, const hot::Snapshot& snapshot,
                          const VisitRow& visit) {
  if (!store_.HasColdRows(shape.id)) return {};
  KALAM_ASSIGN(const auto segments, ReadSegments(store_, prefix, &snapshot));
  std::string_view last;
  for (const SegmentPtr& segment : segments) {
    if (segment->prefix == last) continue;
    last = segment->prefix;
    KALAM_ASSIGN(auto set, Files(shape, segment->prefix, snapshot));
    if (set == nullptr) continue;
    VisitRows sink(shape, segment->prefix, visit);
    KALAM_TRY(Run("SELECT * FROM t", std::make_shared<ScopeFiles>(shape.schema(), std::move(set)), {}, sink));
  }
  return {};
}

Status ColdTier::ReadBySeq(const TableShape& shape, const std::string& prefix, const hot::Snapshot& snapshot,
                           const SeqPage& page, const VisitRow& visit) {
  KALAM_ASSIGN(auto set, Files(shape, prefix, snapshot));
  if (set == nullptr) return {};
  VisitRows sink(shape, prefix, visit);
  const Value parameters[] = {Value::BigInt(page.after.value), Value::BigInt(page.up_to.value),
                              Value::BigInt(static_cast<int64_t>(page.limit))};
  KALAM_TRY(Run(page.descending ? "SELECT * FROM t WHERE _seq > $1 AND _seq <= $2 ORDER BY _seq DESC LIMIT $3"
                                : "SELECT * FROM t WHERE _seq > $1 AND _seq <= $2 ORDER BY _seq LIMIT $3",
                std::make_shared<ScopeFiles>(shape.schema(), std::move(set)), parameters, sink));
  return {};
}

Result<std::vector<TableId>> ColdTier::Compactable() {
  std::vector<TableId> tables;
  KALAM_ASSIGN(const auto segments, ReadSegments(store_, {}));
  {
    std::unordered_set<uint64_t> ids;
    for (const SegmentPtr& segment : segments) ids.insert(segment->id);
    std::lock_guard lock(mu_);
    std::erase_if(decoded_bytes_, [&](const auto& known) { return !ids.contains(known.first); });
  }
  for (size_t begin = 0; begin < segments.size();) {
    size_t end = begin;
    std::vector<SegmentPtr> scope;
    for (; end < segments.size() && segments[end]->prefix == segments[begin]->prefix; ++end) {
      if (segments[end]->status == SegmentStatus::kLive) scope.push_back(segments[end]);
    }
    const TableId table = hot::TableOf(segments[begin]->prefix);
    begin = end;
    if (!tables.empty() && tables.back() == table) continue;
    KALAM_ASSIGN(const auto inputs, ChooseInputs(scope));
    // Two files that could be one do no harm; it is their growing number that does.
    bool worth = inputs.size() > options_.small_files_max;
    for (const SegmentPtr& segment : inputs) {
      KALAM_ASSIGN(const uint32_t dead, marks_.Count(segment->id, nullptr));
      worth = worth || dead * 2 >= segment->visible_rows;
    }
    if (worth) tables.push_back(table);
  }
  return tables;
}

namespace {

// The smallest _seq of the table's live hot rows; the greatest there is when it has none. by_seq has them in
// that order, scope by scope.
Result<Seq> OldestLiveRow(const hot::Store& store, TableId table) {
  Seq oldest(INT64_MAX);
  const std::string prefix = hot::SharedPrefix(table);
  hot::PinnedBytes bytes;
  auto cursor = store.Scan(hot::Space::kBySeq, prefix, hot::PrefixEnd(prefix));
  while (cursor->Valid()) {
    const std::string_view entry = cursor->key();
    if (entry.size() < prefix.size() + sizeof(uint64_t)) {
      return Fail(ErrorCode::kCorruption, "a stored sequence key is malformed");
    }
    const std::string_view end = entry.substr(entry.size() - sizeof(uint64_t));
    const std::string scope(entry.substr(0, entry.size() - sizeof(uint64_t)));
    KALAM_ASSIGN(const Seq seq, hot::DecodeSeq(end));
    KALAM_ASSIGN(const bool found, store.Get(hot::Space::kRows, scope + std::string(cursor->value()), bytes));
    const std::string_view row = found ? bytes.bytes() : std::string_view();
    // A tombstone, or a row that has changed since: look at the next one.
    if (seq < oldest && (row.size() < hot::kRowHeaderSize || hot::RowDeleted(row))) {
      cursor->Next();
      continue;
    }
    oldest = std::min(oldest, seq);
    cursor->Seek(hot::PrefixEnd(scope));
  }
  KALAM_TRY(cursor->status());
  return oldest;
}

}  // namespace

Result<std::vector<PendingTable>> ColdTier::Pending(std::span<const TableId> tables, uint64_t rows_max) {
  std::vector<PendingTable> pending;
  for (const TableId table : tables) {
    const uint64_t writes = store_.WritesOf(table);
    {
      std::lock_guard lock(mu_);
      const auto it = counted_.find(table);
      if (it != counted_.end() && it->second.writes == writes && it->second.rows_max >= rows_max) {
        if (it->second.pending.rows > 0) pending.push_back(it->second.pending);
        continue;
      }
    }
    PendingTable counted{table, 0, 0};
    int64_t oldest = INT64_MAX;
    const std::string prefix = hot::SharedPrefix(table);
    auto cursor = store_.Scan(hot::Space::kRows, prefix, hot::PrefixEnd(prefix));
    for (; cursor->Valid() && counted.rows < rows_max; cursor->Next()) {
      if (cursor->value().size() < hot::kRowHeaderSize || hot::RowDeleted(cursor->value())) continue;
      ++counted.rows;
      oldest = std::min(oldest, hot::RowSeq(cursor->value()).value);
    }
    KALAM_TRY(cursor->status());
    // In the order of keys the oldest row may stand behind the last one that was counted.
    if (counted.rows >= rows_max) {
      KALAM_ASSIGN(const Seq found, OldestLiveRow(store_, table));
      oldest = std::min(oldest, found.value);
    }
    if (counted.rows > 0) {
      counted.oldest_wall_ms = hot::SeqWallMillis(Seq(oldest));
      pending.push_back(counted);
    }
    std::lock_guard lock(mu_);
    counted_[table] = {writes, rows_max, counted};
  }
  return pending;
}

}  // namespace kalam::cold
