#include "hot/commit_group.h"

#include <rocksdb/db.h>
#include <rocksdb/write_batch.h>

#include <algorithm>
#include <iterator>
#include <utility>

#include "hot/key_codec.h"
#include "hot/moved_rows.h"
#include "hot/row_codec.h"

namespace kalam::hot {
namespace {

constexpr uint32_t kTablePrefixSize = 4;

rocksdb::Slice SliceOf(std::string_view bytes) { return {bytes.data(), bytes.size()}; }

bool Live(std::string_view row) { return !row.empty() && !RowDeleted(row); }

// Into a version that was made by the writer from the one before, where that is at hand.
void CarryHistory(const RowOp& op, bool cold, RowHistory of_cold, std::string_view stored,
                  std::string& next) {
  if (stored.empty() && !cold) return;
  if (op.kind != RowOpKind::kDelete && op.history.changed == 0) return;
  const RowHistory before = cold ? of_cold : RowHistoryOf(stored);
  PatchHistory(op.kind == RowOpKind::kDelete ? before : before.After(op.history.changed), next);
}

Status CheckForm(const RowOp& op) {
  if (op.prefix_size < kTablePrefixSize || op.prefix_size > op.key.size()) {
    return Fail(ErrorCode::kInternal, "a batch holds a row key without prefix");
  }
  if (op.kind == RowOpKind::kErase || op.kind == RowOpKind::kPurge) return {};
  if (op.kind == RowOpKind::kMove) {
    if (op.to && op.to.row <= kColdRowsMax && op.seen != Seq()) return {};
    return Fail(ErrorCode::kInternal, "a batch moves a row to nowhere");
  }
  if (op.kind == RowOpKind::kAppend && op.key.size() != op.prefix_size) {
    return Fail(ErrorCode::kInternal, "a batch appends a row whose key is more than a prefix");
  }
  const bool computed =
      op.value.empty() && op.transform && (op.kind == RowOpKind::kUpdate || op.kind == RowOpKind::kDelete);
  if (!computed && op.value.size() < kRowHeaderSize) {
    return Fail(ErrorCode::kInternal, "a batch holds a row without header");
  }
  return {};
}

Status CheckMeta(const Batch& batch) {
  for (const MetaOp& op : batch.meta) {
    if (op.key.empty() || op.key.starts_with(kReservedMetaPrefix)) {
      return Fail(ErrorCode::kInternal, "a batch holds a meta key that belongs to the store");
    }
  }
  for (const MessageOp& op : batch.messages) {
    if (op.key.empty() || (!op.erase_end.empty() && op.erase_end < op.key)) {
      return Fail(ErrorCode::kInternal,
                  "a batch holds a message without key or a range that ends before it begins");
    }
  }
  return {};
}

ChangeKind KindOf(RowOpKind kind) {
  switch (kind) {
    case RowOpKind::kUpdate:
      return ChangeKind::kUpdate;
    case RowOpKind::kDelete:
      return ChangeKind::kDelete;
    case RowOpKind::kErase:
      return ChangeKind::kErase;
    default:
      return ChangeKind::kInsert;
  }
}

}  // namespace

void SchemaVersions::Set(TableId table, uint32_t version) {
  std::lock_guard lock(mu_);
  versions_[table] = version;
}

void SchemaVersions::Apply(const std::vector<SchemaGuard>& versions) {
  if (versions.empty()) return;
  std::lock_guard lock(mu_);
  for (const SchemaGuard& version : versions) versions_[version.table] = version.version;
}

Status SchemaVersions::Check(const std::vector<SchemaGuard>& guards) const {
  if (guards.empty()) return {};
  std::lock_guard lock(mu_);
  for (const SchemaGuard& guard : guards) {
    const auto it = versions_.find(guard.table);
    if (it != versions_.end() && it->second != guard.version) {
      return Fail(ErrorCode::kConflict, "Conflict: the table was altered or dropped while the statement ran");
    }
  }
  return {};
}

CommitResult CommitGroup::Add(Batch& batch) {
  CommitResult result;
  result.status = versions_.Check(batch.guards);
  if (result.status) result.status = CheckMeta(batch);
  if (!result.status) return result;
  result.status = AddRows(batch, result);
  if (result.status) result.status = JoinParticipants(batch);
  if (!result.status) {
    TakeBack();
    result.applied = 0;
    result.last_seq = Seq();
    return result;
  }
  // Nothing below can be refused.
  if (!listeners_.observers.empty() &&
      (!changes_.empty() || !batch.dropped_tables.empty() || !batch.new_versions.empty())) {
    committed_.push_back({std::move(changes_), batch.dropped_tables, batch.new_versions});
  }
  changes_.clear();
  writes_ = writes_ || !undo_.empty() || !batch.meta.empty() || !batch.messages.empty() ||
            !batch.dropped_tables.empty() || !batch.dropped_hot_rows.empty() || !batch.expired_rows.empty() ||
            !batch_marks_.empty() || !batch.dropped_cold_rows.empty() || !batch.dropped_segments.empty();
  undo_.clear();
  durable_ = durable_ || !batch.moves_only;
  for (MetaOp& op : batch.meta) {
    if (op.of_applied) op.value = op.of_applied(result.applied);
  }
  batch_marks_.clear();
  std::move(batch.meta.begin(), batch.meta.end(), std::back_inserter(meta_));
  std::move(batch.messages.begin(), batch.messages.end(), std::back_inserter(messages_));
  versions_.Apply(batch.new_versions);
  for (const TableId table : batch.dropped_tables) {
    DropHotRows(SharedPrefix(table));
    if (cold_tables_.Has(table)) DropColdRows(SharedPrefix(table));
  }
  for (const std::string& prefix : batch.dropped_hot_rows) DropHotRows(prefix);
  std::move(batch.expired_rows.begin(), batch.expired_rows.end(), std::back_inserter(expired_));
  for (const std::string& prefix : batch.dropped_cold_rows) DropColdRows(prefix);
  dropped_segments_.insert(dropped_segments_.end(), batch.dropped_segments.begin(),
                           batch.dropped_segments.end());
  return result;
}

Status CommitGroup::AddRows(Batch& batch, CommitResult& result) {
  for (size_t i = 0; i < batch.rows.size(); ++i) {
    const Status added = AddRow(batch.rows[i], batch.read_at, result);
    if (added) continue;
    result.failed_op = i;
    result.failed_key = batch.rows[i].key;
    return added;
  }
  return {};
}

Status CommitGroup::AddRow(RowOp& op, Seq read_at, CommitResult& result) {
  KALAM_TRY(CheckForm(op));
  if (op.kind == RowOpKind::kAppend) {
    Append(op, result);
    return {};
  }
  if (op.kind == RowOpKind::kPurge) return Purge(op, result);
  if (op.kind == RowOpKind::kMove) return Move(op, read_at, result);
  const Need need = listeners_.NeedOf(TableOf(op.key));
  KALAM_ASSIGN(Image * image, Find(op, read_at, need));
  std::string next;
  KALAM_ASSIGN(const bool writes, NextVersion(op, *image, next));
  if (!writes) return {};
  const Seq seq = seqs_.Next(wall_millis_);
  if (!next.empty()) PatchSeq(seq, next);
  image->indexed = op.kind != RowOpKind::kErase;
  if (op.kind == RowOpKind::kErase) image->erased = image->value;
  std::string before;
  // Written without knowing that the row is cold, or by what another version of it said: the old bytes are
  // nowhere but in the file.
  if (need == Need::kBoth && image->cold && (op.cold_before.empty() || op.seen != image->seq)) {
    return Fail(ErrorCode::kConflict, "Conflict: another statement changed the row meanwhile");
  }
  if (need == Need::kBoth) before = image->cold ? std::move(op.cold_before) : image->value;
  KALAM_TRY(Replace(*image, std::move(next), seq));
  recent_.Note(image->key, seq);
  Record(*image, KindOf(op.kind), need, std::move(before));
  ++result.applied;
  result.last_seq = seq;
  return {};
}

// The key holds the sequence, so nobody else can have it and nothing is there to look at.
void CommitGroup::Append(RowOp& op, CommitResult& result) {
  const Seq seq = seqs_.Next(wall_millis_);
  AppendSeq(seq, op.key);
  PatchSeq(seq, op.value);
  Image& image = images_.emplace_back();
  image.key = op.key;
  image.prefix_size = op.prefix_size;
  image.indexed = false;
  by_key_.emplace(image.key, &image);
  (void)Replace(image, std::move(op.value), seq);  // there is nothing to leave, so it cannot fail
  Record(image, ChangeKind::kInsert, listeners_.NeedOf(TableOf(op.key)), {});
  ++result.applied;
  result.last_seq = seq;
}

Status CommitGroup::Purge(const RowOp& op, CommitResult& result) {
  KALAM_ASSIGN(Image * image, Find(op, Seq(), Need::kNone));
  if (image->value.empty() || !RowDeleted(image->value) || image->seq != op.seen) return {};
  KALAM_TRY(Replace(*image, std::string(), Seq()));
  traceless_.insert(TableOf(op.key));
  // Whoever saw the tombstone must look again.
  recent_.Note(image->key, seqs_.Next(wall_millis_));
  ++result.applied;
  return {};
}

Status CommitGroup::Move(const RowOp& op, Seq read_at, CommitResult& result) {
  KALAM_ASSIGN(Image * image, Find(op, read_at, Need::kNone));
  // A version that is not read is surely the one seen, in the place where it was seen.
  if (image->seq != op.seen || (image->loaded && !image->live())) return Mark(op.to);
  const RowHistory history = image->cold            ? image->history
                             : image->value.empty() ? op.history
                                                    : RowHistoryOf(image->value);
  KALAM_TRY(Replace(*image, std::string(), image->seq, op.to, history));
  // Not noted in recent_: who writes without a look relies on the version alone, and never in a table with
  // cold rows; moves out of `rows` give each key once.
  if (image->stored_seq != Seq()) {
    ++moved_out_[TableOf(image->key)];
    traceless_.insert(TableOf(image->key));
  }
  ++result.applied;
  return {};
}

Status CommitGroup::Replace(Image& image, std::string next, Seq seq, ColdPlace cold, RowHistory history) {
  if (image.cold) KALAM_TRY(Mark(image.cold));
  undo_.push_back({&image, image.seq, std::exchange(image.value, std::move(next)), image.cold, image.history,
                   image.loaded, image.changed});
  image.seq = seq;
  image.cold = cold;
  image.history = history;
  image.loaded = true;
  image.changed = true;
  return {};
}

Status CommitGroup::Mark(ColdPlace place) {
  auto [it, fresh] = marks_.try_emplace(place.segment);
  if (fresh) {
    rocksdb::PinnableSlice stored;
    const std::string key = MarkKey(place.segment, kMarkCountRow);
    const rocksdb::Status status =
        database_.db->Get(rocksdb::ReadOptions(), database_.cold_marks, SliceOf(key), &stored);
    if (!status.ok() && !status.IsNotFound()) {
      marks_.erase(it);
      return Fail(FromRocks(status, "read"));
    }
    if (status.ok()) {
      const auto count = DecodeMarkCount({stored.data(), stored.size()});
      if (!count) {
        marks_.erase(it);
        return Fail(count.error());
      }
      it->second.stored = *count;
    }
  }
  it->second.rows.push_back(place.row);
  batch_marks_.push_back(place);
  return {};
}

bool CommitGroup::Image::live() const { return cold || Live(value); }

void CommitGroup::Record(const Image& image, ChangeKind kind, Need need, std::string before) {
  if (need == Need::kNone) return;
  Change& change = changes_.emplace_back();
  change.table = TableOf(image.key);
  change.kind = kind;
  change.key = image.key;
  change.prefix_size = image.prefix_size;
  change.after = image.value;
  change.seq = image.seq;
  if (need == Need::kBoth && Live(before)) change.before = std::move(before);
}

Status CommitGroup::JoinParticipants(Batch& batch) {
  if (changes_.empty()) return {};
  for (size_t i = 0; i < listeners_.participants.size(); ++i) {
    CommitParticipant& participant = *listeners_.participants[i];
    const bool needs = std::any_of(changes_.begin(), changes_.end(), [&](const Change& change) {
      return participant.NeedOf(change.table) != Need::kNone;
    });
    if (!needs) continue;
    Status joined = participant.Join(changes_, {batch.meta, batch.messages});
    if (joined) {
      joined_.push_back(&participant);
      continue;
    }
    for (CommitParticipant* earlier : joined_) earlier->TakeBack();
    joined_.clear();
    return joined;
  }
  joined_.clear();
  return {};
}

std::shared_ptr<const CommittedGroup> CommitGroup::TakeCommitted() {
  if (committed_.empty()) return nullptr;
  auto group = std::make_shared<CommittedGroup>();
  group->batches = std::move(committed_);
  group->last_seq = seqs_.last();
  return group;
}

Result<bool> CommitGroup::NextVersion(RowOp& op, const Image& image, std::string& next) {
  if (op.kind == RowOpKind::kInsert) {
    if (image.live()) return Fail(ErrorCode::kAlreadyExists, "Already exists: the key has a row");
    next = std::move(op.value);
    if (image.value.empty()) PatchHistory({.first = true}, next);
    return true;
  }
  if (op.kind == RowOpKind::kErase) return !image.absent();
  if (image.seq == op.seen && !op.value.empty()) {
    next = std::move(op.value);
    CarryHistory(op, static_cast<bool>(image.cold), image.history, image.value, next);
    return true;
  }
  // The transform needs the row's bytes, which are not here for a cold row: the writer reads it and comes
  // back.
  if (!op.transform || (image.cold && op.transform->needs_current()))
    return Fail(ErrorCode::kConflict, "Conflict: another statement changed the row meanwhile");
  static constexpr char kLiveHeader[kRowHeaderSize] = {1};
  std::optional<std::string_view> current;
  if (!image.value.empty()) current = image.value;
  if (image.cold) current = std::string_view(kLiveHeader, kRowHeaderSize);
  KALAM_ASSIGN(const RowTransform::Effect effect, op.transform->Apply(current, next));
  if (effect == RowTransform::Effect::kUnchanged) return false;
  if (next.size() < kRowHeaderSize)
    return Fail(ErrorCode::kInternal, "a row transform gave a row without header");
  return true;
}

Result<CommitGroup::Image*> CommitGroup::Find(const RowOp& op, Seq read_at, Need need) {
  if (const auto it = by_key_.find(op.key); it != by_key_.end()) {
    Image& image = *it->second;
    if (!image.loaded) KALAM_TRY(Load(image));
    return &image;
  }
  Image fresh;
  fresh.key = op.key;
  fresh.prefix_size = op.prefix_size;
  // A version that is written as given needs no look at the one before it, when that is surely the one the
  // writer saw. Inserts are looked at: they must not replace a live row whatever their writer believed, and a
  // miss is cheap.
  const bool changes = op.kind == RowOpKind::kUpdate || op.kind == RowOpKind::kDelete;
  const bool as_given = changes && !op.value.empty() && op.seen != Seq() && need != Need::kBoth &&
                        !cold_tables_.Has(TableOf(op.key));
  const bool from_hot = op.kind == RowOpKind::kMove && op.from_hot;
  if ((as_given || from_hot) && recent_.Proves(op.key, op.seen, read_at)) {
    fresh.stored_seq = fresh.seq = op.seen;
  } else if (op.kind == RowOpKind::kMove && !op.from_hot) {
    KALAM_TRY(LoadCold(fresh));
    if (!fresh.cold) KALAM_TRY(Load(fresh));
  } else {
    KALAM_TRY(Load(fresh));
  }
  Image& image = images_.emplace_back(std::move(fresh));
  by_key_.emplace(image.key, &image);
  return &image;
}

Status CommitGroup::Load(Image& image) {
  image.value.clear();
  image.stored_seq = image.seq = Seq();
  image.stored_cold = image.cold = {};
  if (!Dropped(image.key)) {
    rocksdb::PinnableSlice stored;
    const rocksdb::Status status =
        database_.db->Get(rocksdb::ReadOptions(), database_.rows, SliceOf(image.key), &stored);
    if (!status.ok() && !status.IsNotFound()) return Fail(FromRocks(status, "read"));
    if (status.ok()) {
      if (stored.size() < kRowHeaderSize) {
        return Fail(ErrorCode::kCorruption, "stored row is malformed: header is cut");
      }
      image.value.assign(stored.data(), stored.size());
      image.stored_seq = image.seq = RowSeq(image.value);
    }
  }
  if (image.value.empty() && cold_tables_.Has(TableOf(image.key))) KALAM_TRY(LoadCold(image));
  image.loaded = true;
  return {};
}

// The image is fresh: nothing is known of the key yet.
Status CommitGroup::LoadCold(Image& image) {
  const bool dropped = std::any_of(dropped_cold_rows_.begin(), dropped_cold_rows_.end(),
                                   [&](const std::string& prefix) { return image.key.starts_with(prefix); });
  if (dropped) return {};
  rocksdb::PinnableSlice stored;
  const rocksdb::Status status =
      database_.db->Get(rocksdb::ReadOptions(), database_.cold_keys, SliceOf(image.key), &stored);
  if (status.IsNotFound()) return {};
  if (!status.ok()) return Fail(FromRocks(status, "read"));
  KALAM_ASSIGN(const ColdEntry entry, DecodeColdEntry({stored.data(), stored.size()}));
  image.stored_cold = image.cold = entry.place;
  image.history = entry.history;
  image.seq = entry.seq;
  image.loaded = true;
  return {};
}

bool CommitGroup::Dropped(std::string_view key) const {
  return std::any_of(dropped_hot_rows_.begin(), dropped_hot_rows_.end(),
                     [&](const std::string& prefix) { return key.starts_with(prefix); });
}

// Sequences that were handed out and notes in recent_ stay: nobody can have seen them.
void CommitGroup::TakeBack() {
  for (auto it = undo_.rbegin(); it != undo_.rend(); ++it) {
    it->image->seq = it->seq;
    it->image->value = std::move(it->value);
    it->image->cold = it->cold;
    it->image->history = it->history;
    it->image->loaded = it->loaded;
    it->image->changed = it->changed;
  }
  undo_.clear();
  changes_.clear();
  for (auto it = batch_marks_.rbegin(); it != batch_marks_.rend(); ++it) {
    marks_.at(it->segment).rows.pop_back();
  }
  batch_marks_.clear();
}

// The range deletion runs before the group's rows are written (Collect), so rows of earlier batches are taken
// out here, and later ones start from nothing.
void CommitGroup::DropHotRows(const std::string& prefix) {
  for (Image& image : images_) {
    if (!image.key.starts_with(prefix)) continue;
    image.stored_seq = Seq();
    if (image.cold) continue;
    image.seq = Seq();
    image.value.clear();
    image.loaded = true;
    image.changed = static_cast<bool>(image.stored_cold);
  }
  dropped_hot_rows_.push_back(prefix);
  traceless_.insert(TableOf(prefix));
  // The drop takes a sequence of its own, so that a writer's read_at tells whether it read before or after
  // it.
  recent_.Forget(seqs_.Next(wall_millis_));
}

// As DropHotRows, for rows in segments only.
void CommitGroup::DropColdRows(const std::string& prefix) {
  for (Image& image : images_) {
    if (!image.key.starts_with(prefix)) continue;
    image.stored_cold = {};
    if (!image.cold) continue;
    image.cold = {};
    image.seq = Seq();
    if (image.stored_seq == Seq()) image.changed = false;
  }
  dropped_cold_rows_.push_back(prefix);
  recent_.Forget(seqs_.Next(wall_millis_));
}

void CommitGroup::CollectDrops(rocksdb::WriteBatch& out) const {
  for (const std::string& begin : dropped_hot_rows_) {
    const std::string end = PrefixEnd(begin);
    out.DeleteRange(database_.rows, begin, end);
    out.DeleteRange(database_.by_seq, begin, end);
  }
  // Appends and erasures of this group lie behind every expired key, so the order does not matter.
  for (const KeySpan& span : expired_) {
    out.DeleteRange(database_.rows, span.begin, span.end);
    out.DeleteRange(database_.by_seq, span.begin, span.end);
  }
  for (const std::string& prefix : dropped_cold_rows_) {
    out.DeleteRange(database_.cold_keys, prefix, PrefixEnd(prefix));
  }
}

void CommitGroup::CollectMarks(rocksdb::WriteBatch& out) const {
  for (const auto& [segment, marks] : marks_) {
    if (marks.rows.empty()) continue;
    for (const uint32_t row : marks.rows) out.Put(database_.cold_marks, MarkKey(segment, row), {});
    out.Put(database_.cold_marks, MarkKey(segment, kMarkCountRow),
            EncodeMarkCount(marks.stored + static_cast<uint32_t>(marks.rows.size())));
  }
  for (const uint64_t segment : dropped_segments_) {
    out.DeleteRange(database_.cold_marks, MarksBegin(segment), MarksBegin(segment + 1));
  }
}

void CommitGroup::CollectCold(const Image& image, rocksdb::WriteBatch& out) const {
  if (image.cold == image.stored_cold) return;
  if (!image.cold) {
    out.Delete(database_.cold_keys, SliceOf(image.key));
    return;
  }
  std::string entry;
  AppendColdEntry({image.cold, image.seq, image.history}, entry);
  out.Put(database_.cold_keys, SliceOf(image.key), entry);
}

void CommitGroup::CountWrites(std::unordered_map<TableId, uint64_t>& counts) const {
  TableId table;
  uint64_t* count = nullptr;
  for (const Image& image : images_) {
    if (!image.changed) continue;
    const TableId of = TableOf(image.key);
    if (count == nullptr || of != table) count = &counts[table = of];
    ++*count;
  }
}

void CommitGroup::CollectMoved(rocksdb::WriteBatch& out) const {
  if (moved_out_.empty()) return;
  MovedRows moved(database_, [this](std::string_view key) {
    const auto it = by_key_.find(key);
    return it != by_key_.end() && it->second->changed;
  });
  for (const Image& image : images_) {
    if (image.moved_out()) moved.Add(image.key, image.prefix_size, image.stored_seq);
  }
  moved.Collect(out);
}

void CommitGroup::Collect(rocksdb::WriteBatch& out) const {
  CollectDrops(out);
  CollectMoved(out);
  std::string seq_key;
  for (const Image& image : images_) {
    if (!image.changed) continue;
    CollectCold(image, out);
    if (image.moved_out()) continue;
    if (!image.value.empty()) {
      out.Put(database_.rows, SliceOf(image.key), image.value);
    } else if (image.stored_seq != Seq()) {
      out.Delete(database_.rows, SliceOf(image.key));
    }
    const std::string_view prefix = image.key.substr(0, image.prefix_size);
    if (!image.indexed) {
      if (!image.value.empty() || image.stored_seq == Seq()) continue;
      seq_key = prefix;
      AppendSeq(image.seq, seq_key);
      out.Put(database_.by_seq, seq_key, image.erased);
      continue;
    }
    if (image.stored_seq != Seq()) {
      seq_key = prefix;
      AppendSeq(image.stored_seq, seq_key);
      // Each by_seq key is put once and deleted at most once, which is what SingleDelete asks for: the pair
      // disappears at the first flush or compaction that sees both.
      out.SingleDelete(database_.by_seq, seq_key);
    }
    if (image.value.empty()) continue;
    seq_key = prefix;
    AppendSeq(image.seq, seq_key);
    out.Put(database_.by_seq, seq_key, SliceOf(image.key.substr(image.prefix_size)));
  }
  CollectMarks(out);
  for (const MetaOp& op : meta_) {
    if (op.value) {
      out.Put(database_.meta, op.key, *op.value);
    } else {
      out.Delete(database_.meta, op.key);
    }
  }
  for (const MessageOp& op : messages_) {
    if (op.erase_end.empty()) {
      out.Put(database_.messages, op.key, op.value);
    } else {
      out.DeleteRange(database_.messages, op.key, op.erase_end);
    }
  }
}

}  // namespace kalam::hot
