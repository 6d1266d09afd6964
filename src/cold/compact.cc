// Compaction: several segments of a scope become one without their dead rows. The rows move as in a flush,
// from segment to segment; the old ones are removed when none is left in them.
#include <fmt/format.h>

#include <algorithm>
#include <iterator>
#include <map>
#include <utility>

#include "base/background.h"
#include "cold/cold_tier.h"
#include "cold/sources.h"
#include "hot/key_codec.h"
#include "observe/log.h"

namespace kalam::cold {

namespace {

struct Candidate {
  SegmentPtr segment;
  uint64_t live = 0;
  uint64_t bytes = 0;  // decoded; of the file as long as nobody has looked
  bool wasteful = false;
  bool mostly_dead = false;
};

// In the order of their keys, without overlap: their rows, one file after the other, are in key order.
bool KeysAreApart(const std::vector<SegmentPtr>& by_key) {
  for (size_t i = 1; i < by_key.size(); ++i) {
    if (by_key[i]->key_min <= by_key[i - 1]->key_max) return false;
  }
  return true;
}

// Files that can become one.
class Group {
 public:
  Group(uint64_t rows_max, uint64_t bytes_max) : rows_max_(rows_max), bytes_max_(bytes_max) {}

  void Take(const Candidate& candidate) {
    const Segment& segment = *candidate.segment;
    const auto behind = by_key_.lower_bound(segment.key_min);
    const bool apart = apart_ && (behind == by_key_.end() || segment.key_max < behind->first) &&
                       (behind == by_key_.begin() || std::prev(behind)->second->key_max < segment.key_min);
    if (!by_key_.empty()) {
      if (rows_ + candidate.live > rows_max_) return;
      if (!apart && bytes_ + candidate.bytes > bytes_max_) {
        too_large_ = true;
        return;
      }
    }
    rows_ += candidate.live;
    bytes_ += candidate.bytes;
    apart_ = apart;
    by_key_.emplace(segment.key_min, candidate.segment);
  }
  size_t size() const { return by_key_.size(); }
  // Some stayed out for their bytes.
  bool too_large() const { return too_large_; }
  std::vector<SegmentPtr> segments() const {
    std::vector<SegmentPtr> all;
    for (const auto& [key, segment] : by_key_) all.push_back(segment);
    return all;
  }

 private:
  const uint64_t rows_max_;
  const uint64_t bytes_max_;
  uint64_t rows_ = 0;
  uint64_t bytes_ = 0;
  bool apart_ = true;
  bool too_large_ = false;
  std::multimap<std::string_view, SegmentPtr> by_key_;  // by key_min
};

class OneNumber final : public RowSink {
 public:
  void Begin(std::span<const ResultColumn>) override {}
  Status Row(std::span<const Value> values) override {
    if (!values[0].is_null) number = static_cast<uint64_t>(values[0].integer);
    return {};
  }
  uint64_t number = 0;
};

// What the rows of a table take in a sort.
std::string DecodedBytes(const TableSchema& schema) {
  uint64_t fixed = 32;  // the sort's own, and _seq
  std::string texts;
  for (const Column& column : schema.columns) {
    const std::string name = fmt::format("\"{}\"", column.name);
    fixed += 16;
    switch (column.type.kind) {
      case TypeKind::kText:
      case TypeKind::kJson:
      case TypeKind::kFile:
        texts += fmt::format(" + COALESCE(strlen(CAST({} AS VARCHAR)), 0)", name);
        break;
      case TypeKind::kBytes:
        texts += fmt::format(" + COALESCE(octet_length({}), 0)", name);
        break;
      case TypeKind::kEmbedding:
        fixed += uint64_t{4} * column.type.dimension;
        break;
      default:
        break;
    }
  }
  return fmt::format("CAST(SUM({}{}) AS BIGINT)", fixed, texts);
}

}  // namespace

// Files that are small or have many dead rows, as many as fit one file and can be sorted in the memory that
// there is. A single file is worth it only for its dead rows; it needs no sort. In the order of their keys.
Result<std::vector<SegmentPtr>> ColdTier::ChooseInputs(const std::vector<SegmentPtr>& segments) {
  std::vector<Candidate> candidates;
  for (const SegmentPtr& segment : segments) {
    if (segment->status != SegmentStatus::kLive) continue;
    KALAM_ASSIGN(const uint32_t dead, marks_.Count(segment->id, nullptr));
    // Marks beyond the visible rows are of rows that never were.
    const uint64_t live = segment->visible_rows - std::min(dead, segment->visible_rows);
    const bool wasteful = (segment->rows - live) * 10 >= segment->rows;
    if (!wasteful && live * 2 > options_.rows_per_file_max) continue;
    candidates.push_back({segment, live, segment->bytes, wasteful, live * 2 <= segment->rows});
    std::lock_guard lock(mu_);
    const auto known = decoded_bytes_.find(segment->id);
    if (known != decoded_bytes_.end()) candidates.back().bytes = known->second;
  }
  std::sort(candidates.begin(), candidates.end(), [](const Candidate& a, const Candidate& b) {
    return a.mostly_dead != b.mostly_dead ? a.mostly_dead : a.live < b.live;
  });
  std::vector<SegmentPtr> inputs;
  for (size_t first = 0; first < candidates.size(); ++first) {
    Group group(options_.rows_per_file_max, options_.sort_bytes_max);
    for (size_t i = first; i < candidates.size(); ++i) group.Take(candidates[i]);
    const bool alone = group.size() == 1;
    if (alone ? candidates[first].mostly_dead : group.size() > inputs.size()) inputs = group.segments();
    // Only when bytes kept some out can another start bring more together.
    if (!group.too_large() || candidates[first].mostly_dead) break;
  }
  if (!inputs.empty()) return inputs;
  const auto wasteful = std::ranges::find_if(candidates, &Candidate::wasteful);
  if (wasteful != candidates.end()) inputs.push_back(wasteful->segment);
  return inputs;
}

Result<bool> ColdTier::Measure(const TableShape& shape, const std::vector<SegmentPtr>& inputs) {
  if (KeysAreApart(inputs)) return false;
  bool any = false;
  for (const SegmentPtr& input : inputs) {
    {
      std::lock_guard lock(mu_);
      if (decoded_bytes_.contains(input->id)) continue;
    }
    any = true;
    std::vector<engine::DataFile> files(1);
    KALAM_ASSIGN(files[0], FileOf(shape, *input));
    OneNumber sink;
    const auto run = RunInBackground([&] {
      return Run(fmt::format("SELECT {} FROM t", DecodedBytes(shape.schema())),
                 std::make_shared<FileRows>(shape.schema(), std::move(files), false), {}, sink);
    });
    if (!run) return Fail(run.error());
    std::lock_guard lock(mu_);
    decoded_bytes_[input->id] = sink.number;
  }
  return any;
}

Result<CompactReport> ColdTier::Compact(const TableWork& work) {
  CompactReport report;
  KALAM_ASSIGN(const TableShape shape, work.shape());
  KALAM_ASSIGN(const auto segments, ReadSegments(store_, hot::SharedPrefix(shape.id)));
  for (size_t begin = 0; begin < segments.size() && !report.stopped;) {
    const std::string prefix = segments[begin]->prefix;
    while (begin < segments.size() && segments[begin]->prefix == prefix) ++begin;
    if (work.should_stop && work.should_stop()) report.stopped = true;
    const ScopeLocks::Hold hold = scope_locks_.Take(prefix, work.should_stop);
    if (!hold) {
      report.stopped = true;
      break;
    }
    // As they are now: the scope may have been removed since the table was looked at.
    KALAM_ASSIGN(const auto scope, ReadSegments(store_, prefix));
    for (const SegmentPtr& segment : scope) {
      if (segment->status != SegmentStatus::kLive) continue;
      report.files_before += 1;
      report.bytes_before += segment->bytes;
    }
    if (report.stopped) break;
    KALAM_ASSIGN(std::vector<SegmentPtr> inputs, ChooseInputs(scope));
    for (;;) {
      KALAM_ASSIGN(const bool learnt, Measure(shape, inputs));
      if (!learnt) break;
      KALAM_ASSIGN(inputs, ChooseInputs(scope));
    }
    if (inputs.empty()) continue;
    KALAM_TRY(CompactScope(work, shape, std::move(inputs), report));
    PublishManifest(shape, prefix);
  }
  PublishDueManifests(shape);
  KALAM_ASSIGN(const auto after, ReadSegments(store_, hot::SharedPrefix(shape.id)));
  for (const SegmentPtr& segment : after) {
    if (segment->status != SegmentStatus::kLive) continue;
    report.files_after += 1;
    report.bytes_after += segment->bytes;
  }
  if (const auto collected = CollectGarbage(); !collected) {
    observe::LogWarn("cold files of {} are not removed yet: {}", shape.full_name(),
                     collected.error().message);
  }
  return report;
}

Status ColdTier::CompactScope(const TableWork& work, const TableShape& shape, std::vector<SegmentPtr> inputs,
                              CompactReport& report) {
  uint64_t live = 0;
  {
    const PinPtr pin = Pin();
    const hot::Snapshot snapshot = store_.TakeSnapshot();
    std::vector<engine::DataFile> files;
    for (const SegmentPtr& input : inputs) {
      KALAM_ASSIGN(engine::DataFile file, FileOf(shape, *input));
      KALAM_ASSIGN(const MarkSetPtr dead, marks_.Get(input->id, snapshot));
      file.dead = dead;
      const auto& marks = dead ? dead->rows() : std::vector<uint32_t>();
      live += input->visible_rows -
              static_cast<uint64_t>(std::lower_bound(marks.begin(), marks.end(), input->visible_rows) -
                                    marks.begin());
      files.push_back(std::move(file));
    }
    if (live > 0) {
      ObjectStorePtr store;
      KALAM_ASSIGN(const std::shared_ptr<Segment> segment,
                   BeginSegment(work, shape, inputs[0]->prefix, store));
      const auto source = std::make_shared<FileRows>(shape.schema(), std::move(files), false);
      Status written = WriteFile(shape, *segment, *store, source, KeysAreApart(inputs));
      if (written && segment->rows != live) {
        written = Fail(ErrorCode::kCorruption,
                       fmt::format("{} rows of table {} were expected in its files, {} are there", live,
                                   shape.full_name(), segment->rows));
      }
      if (!written) {
        Discard(segment, *store);
        return written;
      }
      KALAM_ASSIGN(const uint64_t moved, MoveRows(work, shape, *segment, false, Seq(), {}, report.stopped));
      report.rows += moved;
    }
  }
  if (report.stopped) return {};
  return Retire(std::move(inputs), {});
}

}  // namespace kalam::cold
