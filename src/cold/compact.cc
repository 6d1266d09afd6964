// Compaction: several segments of a scope become one without their dead rows. The rows move as in a flush,
// from segment to segment; the old ones are removed when none is left in them.
#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "cold/cold_tier.h"
#include "cold/sources.h"
#include "hot/key_codec.h"
#include "observe/log.h"

namespace kalam::cold {

// Files that are small or have many dead rows, as many as fit one file. A single file is worth it only for
// its dead rows.
Result<std::vector<SegmentPtr>> ColdTier::ChooseInputs(const std::vector<SegmentPtr>& segments) {
  struct Candidate {
    SegmentPtr segment;
    uint64_t live = 0;
  };
  std::vector<Candidate> candidates;
  bool dirty = false;
  for (const SegmentPtr& segment : segments) {
    if (segment->status != SegmentStatus::kLive) continue;
    KALAM_ASSIGN(const uint32_t dead, marks_.Count(segment->id, nullptr));
    // Marks beyond the visible rows are of rows that never were.
    const uint64_t live = segment->visible_rows - std::min(dead, segment->visible_rows);
    const bool wasteful = (segment->rows - live) * 10 >= segment->rows;
    if (!wasteful && live * 2 > options_.rows_per_file_max) continue;
    dirty = dirty || wasteful;
    candidates.push_back({segment, live});
  }
  std::sort(candidates.begin(), candidates.end(),
            [](const Candidate& a, const Candidate& b) { return a.live < b.live; });
  std::vector<SegmentPtr> inputs;
  uint64_t rows = 0;
  for (const Candidate& candidate : candidates) {
    if (!inputs.empty() && rows + candidate.live > options_.rows_per_file_max) break;
    rows += candidate.live;
    inputs.push_back(candidate.segment);
  }
  if (inputs.size() == 1 && !dirty) inputs.clear();
  return inputs;
}

Result<CompactReport> ColdTier::Compact(const TableWork& work) {
  CompactReport report;
  KALAM_ASSIGN(const TableShape shape, work.shape());
  KALAM_ASSIGN(const auto segments, ReadSegments(store_, hot::SharedPrefix(shape.id)));
  for (size_t begin = 0; begin < segments.size() && !report.stopped;) {
    std::vector<SegmentPtr> scope;
    size_t end = begin;
    for (; end < segments.size() && segments[end]->prefix == segments[begin]->prefix; ++end) {
      if (segments[end]->status != SegmentStatus::kLive) continue;
      scope.push_back(segments[end]);
      report.files_before += 1;
      report.bytes_before += segments[end]->bytes;
    }
    begin = end;
    if (work.should_stop && work.should_stop()) report.stopped = true;
    KALAM_ASSIGN(std::vector<SegmentPtr> inputs, ChooseInputs(scope));
    if (inputs.empty() || report.stopped) continue;
    const std::string prefix = inputs[0]->prefix;
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
      Status written = WriteFile(shape, *segment, *store, source, false);
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
