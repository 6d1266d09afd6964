#include "hot/store.h"

#include <fmt/format.h>
#include <rocksdb/cache.h>
#include <rocksdb/convenience.h>
#include <rocksdb/db.h>
#include <rocksdb/env.h>
#include <rocksdb/filter_policy.h>
#include <rocksdb/snapshot.h>
#include <rocksdb/table.h>

#include <algorithm>
#include <array>
#include <condition_variable>
#include <cstdarg>
#include <cstdio>
#include <filesystem>
#include <mutex>
#include <optional>
#include <system_error>
#include <utility>
#include <vector>

#include "base/later_queue.h"
#include "hot/committer.h"
#include "hot/database.h"
#include "hot/failed_write.h"
#include "hot/key_codec.h"
#include "observe/log.h"

namespace kalam::hot {
namespace {

rocksdb::Slice SliceOf(std::string_view bytes) { return {bytes.data(), bytes.size()}; }

}  // namespace

Error FromRocks(const rocksdb::Status& status, std::string_view action) {
  const std::string text = fmt::format("storage failed to {}: {}", action, status.ToString());
  if (status.IsCorruption()) return Error(ErrorCode::kCorruption, text);
  return Error(ErrorCode::kIo, text);
}

PinnedBytes::PinnedBytes() : slice_(std::make_unique<rocksdb::PinnableSlice>()) {}
PinnedBytes::~PinnedBytes() = default;
std::string_view PinnedBytes::bytes() const { return {slice_->data(), slice_->size()}; }

struct Store::Impl {
  StoreOptions options;
  std::unique_ptr<rocksdb::DB> db;
  std::vector<rocksdb::ColumnFamilyHandle*> handles;
  Database database;
  std::unique_ptr<Committer> committer;

  ~Impl() {
    committer.reset();
    if (!db) return;
    for (rocksdb::ColumnFamilyHandle* handle : handles) db->DestroyColumnFamilyHandle(handle);
    db->Close();
  }

  rocksdb::ColumnFamilyHandle* HandleOf(Space space) const {
    switch (space) {
      case Space::kRows:
        return database.rows;
      case Space::kBySeq:
        return database.by_seq;
      case Space::kMeta:
        return database.meta;
      case Space::kMessages:
        return database.messages;
      case Space::kColdKeys:
        return database.cold_keys;
      case Space::kColdMarks:
        return database.cold_marks;
    }
    return nullptr;
  }
};

namespace {

constexpr std::string_view kFormat = "2";
// The format before the cold tier: the same, without its two families.
constexpr std::string_view kFormatWithoutCold = "1";
constexpr char kRowsFamily[] = "rows";
constexpr char kBySeqFamily[] = "by_seq";
constexpr char kMetaFamily[] = "meta";
constexpr char kMessagesFamily[] = "messages";
constexpr char kColdKeysFamily[] = "cold_keys";
constexpr char kColdMarksFamily[] = "cold_marks";
// Recovery replays the WAL: its size bounds the time to start.
constexpr uint64_t kWalBytesMax = 64u << 20;

rocksdb::CompressionType FastCompression() {
  const auto supported = rocksdb::GetSupportedCompressions();
  const auto has = [&](rocksdb::CompressionType type) {
    return std::find(supported.begin(), supported.end(), type) != supported.end();
  };
  if (has(rocksdb::kLZ4Compression)) return rocksdb::kLZ4Compression;
  return has(rocksdb::kSnappyCompression) ? rocksdb::kSnappyCompression : rocksdb::kNoCompression;
}

// RocksDB's warnings and errors in the server's log.
class Warnings final : public rocksdb::Logger {
 public:
  Warnings() : Logger(rocksdb::InfoLogLevel::WARN_LEVEL) {}
  void Logv(const char*, va_list) override {}  // without a level: no warning
  void Logv(rocksdb::InfoLogLevel level, const char* format, va_list arguments) override {
    if (level != rocksdb::InfoLogLevel::WARN_LEVEL && level != rocksdb::InfoLogLevel::ERROR_LEVEL &&
        level != rocksdb::InfoLogLevel::FATAL_LEVEL) {
      return;
    }
    std::array<char, kMessageBytes> message;
    (void)std::vsnprintf(message.data(), message.size(), format, arguments);
    if (level == rocksdb::InfoLogLevel::WARN_LEVEL) {
      observe::LogWarn("rocksdb: {}", message.data());
    } else {
      observe::LogError("rocksdb: {}", message.data());
    }
  }

 private:
  static constexpr size_t kMessageBytes = 1'024;
};

rocksdb::DBOptions DbOptionsOf(const StoreOptions& options) {
  rocksdb::DBOptions db;
  if (options.env != nullptr) db.env = options.env;
  db.listeners.push_back(std::make_shared<NoResumption>());
  db.create_if_missing = true;
  db.create_missing_column_families = true;
  db.max_background_jobs = options.background_jobs;
  db.max_open_files = options.open_files_max;
  db.max_total_wal_size = kWalBytesMax;
  // What is replayed and fits the write buffers stays in its logs: a start need not wait for table files to
  // be written.
  db.avoid_flush_during_recovery = true;
  db.wal_recovery_mode = rocksdb::WALRecoveryMode::kPointInTimeRecovery;
  // One writer: nothing to coordinate.
  db.allow_concurrent_memtable_write = false;
  db.enable_write_thread_adaptive_yield = false;
  // In a file of its own RocksDB would write on after the disk was full, which its assertions forbid.
  db.info_log = std::make_shared<Warnings>();
  db.max_manifest_file_size = 16u << 20;
  db.stats_dump_period_sec = 0;
  db.stats_persist_period_sec = 0;
  // Both read every table file at open, which would make the time to start grow with the data.
  db.skip_stats_update_on_db_open = true;
  db.skip_checking_sst_file_sizes_on_db_open = true;
  return db;
}

// `point_reads`: keys are looked up one by one, also keys that do not exist.
rocksdb::ColumnFamilyOptions FamilyOptionsOf(const std::shared_ptr<rocksdb::Cache>& cache,
                                             size_t write_buffer_bytes, bool point_reads) {
  rocksdb::BlockBasedTableOptions table;
  table.block_cache = cache;
  table.cache_index_and_filter_blocks = true;
  table.pin_l0_filter_and_index_blocks_in_cache = true;
  if (point_reads) {
    table.filter_policy.reset(rocksdb::NewBloomFilterPolicy(10, false));
    // In parts: the filter of a whole file does not fit a shard of the cache and would be read for every look
    // into the file.
    table.partition_filters = true;
    table.index_type = rocksdb::BlockBasedTableOptions::kTwoLevelIndexSearch;
  }
  rocksdb::ColumnFamilyOptions family;
  family.table_factory.reset(rocksdb::NewBlockBasedTableFactory(table));
  family.write_buffer_size = write_buffer_bytes;
  family.max_write_buffer_number = 2;
  family.compression = FastCompression();
  family.level_compaction_dynamic_level_bytes = true;
  if (point_reads) {
    family.memtable_prefix_bloom_size_ratio = 0.02;
    family.memtable_whole_key_filtering = true;
  }
  return family;
}

// Written in key order per log, read in long runs, never looked up by absent keys: larger blocks, no bloom
// filter. Removed in ranges, so the index of each file is small anyway.
rocksdb::ColumnFamilyOptions MessagesOptionsOf(const std::shared_ptr<rocksdb::Cache>& cache,
                                               size_t write_buffer_bytes) {
  rocksdb::ColumnFamilyOptions family = FamilyOptionsOf(cache, write_buffer_bytes, false);
  rocksdb::BlockBasedTableOptions table;
  table.block_cache = cache;
  table.cache_index_and_filter_blocks = true;
  table.pin_l0_filter_and_index_blocks_in_cache = true;
  table.block_size = 16u << 10;
  family.table_factory.reset(rocksdb::NewBlockBasedTableFactory(table));
  return family;
}

// Makes the database's folder and those above it durable. RocksDB syncs what is inside its folder only;
// without this a power cut soon after the first start could take the whole folder away.
Status MakeFolder(rocksdb::Env& env, const std::string& path) {
  std::error_code error;
  const std::filesystem::path folder = std::filesystem::absolute(path, error).lexically_normal();
  if (error) return Fail(ErrorCode::kIo, error.message());
  std::filesystem::path made;
  for (const std::filesystem::path& part : folder) {
    made /= part;
    if (part.empty() || env.FileExists(made.string()).ok()) continue;
    const rocksdb::Status status = env.CreateDirIfMissing(made.string());
    if (!status.ok()) return Fail(FromRocks(status, "create folder"));
  }
  for (made = folder; made.has_relative_path();) {
    made = made.parent_path();
    std::unique_ptr<rocksdb::Directory> directory;
    // Not ours to read, so not ours to have made.
    if (!env.NewDirectory(made.string(), &directory).ok()) break;
    const rocksdb::Status status = directory->Fsync();
    if (!status.ok()) return Fail(FromRocks(status, "sync folder"));
  }
  return {};
}

// Above every sequence that was handed out before.
Result<Seq> ReadCeiling(const Database& database) {
  std::string value;
  const rocksdb::Status status =
      database.db->Get(rocksdb::ReadOptions(), database.meta, SliceOf(kSeqCeilingKey), &value);
  if (status.IsNotFound()) return Seq();
  if (!status.ok()) return Fail(FromRocks(status, "read"));
  return DecodeSeq(value);
}

// Refuses a store that another version of the format wrote, marks a new one, and takes over one that only
// lacks the cold tier: from now on a server without it would miss rows.
Status CheckFormat(const Database& database) {
  std::string value;
  const rocksdb::Slice key = SliceOf(kFormatKey);
  rocksdb::Status status = database.db->Get(rocksdb::ReadOptions(), database.meta, key, &value);
  if (status.ok() && value != kFormat && value != kFormatWithoutCold) {
    return Fail(ErrorCode::kUnsupported,
                fmt::format("the database has format {}, this server reads format {}", value, kFormat));
  }
  if (status.IsNotFound() || (status.ok() && value == kFormatWithoutCold)) {
    rocksdb::WriteOptions synced;
    synced.sync = true;
    status = database.db->Put(synced, database.meta, key, SliceOf(kFormat));
  }
  if (!status.ok()) return Fail(FromRocks(status, "open"));
  return {};
}

// --- cutting a range

constexpr size_t kNumberBytes = 8;

// The bytes of a key from `at` on as a number: numbers are in the order of the keys that share what is
// before.
uint64_t NumberAt(std::string_view key, size_t at) {
  uint64_t number = 0;
  for (size_t i = at; i < at + kNumberBytes; ++i) {
    number = number << 8 | (i < key.size() ? static_cast<uint8_t>(key[i]) : 0);
  }
  return number;
}

// Looks for the cuts by halving the distance between the keys. `bytes_before` grows with the key.
std::vector<std::string> SplitKeys(std::string_view first, std::string_view last, uint64_t total,
                                   size_t parts,
                                   const std::function<uint64_t(std::string_view)>& bytes_before) {
  const size_t shared = static_cast<size_t>(
      std::mismatch(first.begin(), first.end(), last.begin(), last.end()).first - first.begin());
  std::vector<std::string> cuts;
  const uint64_t near = total / parts / 8;
  uint64_t from = NumberAt(first, shared);
  for (size_t i = 1; i < parts; ++i) {
    const uint64_t target = total * i / parts;
    uint64_t low = from;
    uint64_t high = NumberAt(last, shared);
    std::string key;
    while (high - low > 1) {
      const uint64_t middle = low + (high - low) / 2;
      key.assign(first.substr(0, shared));
      for (int shift = 56; shift >= 0; shift -= 8) key.push_back(static_cast<char>(middle >> shift));
      const uint64_t bytes = bytes_before(key);
      (bytes < target ? low : high) = middle;
      if (bytes + near >= target && bytes <= target + near) break;
    }
    if (key.empty() || (!cuts.empty() && key <= cuts.back())) continue;
    from = NumberAt(key, shared);
    cuts.push_back(std::move(key));
  }
  return cuts;
}

}  // namespace

Store::Store(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
Store::~Store() = default;

Result<std::unique_ptr<Store>> Store::Open(const StoreOptions& options, const Clock& clock) {
  auto impl = std::make_unique<Impl>();
  impl->options = options;
  const auto cache = rocksdb::NewLRUCache(options.block_cache_bytes);
  const size_t small_buffer = std::min<size_t>(options.write_buffer_bytes, 4u << 20);
  const std::vector<rocksdb::ColumnFamilyDescriptor> families = {
      {rocksdb::kDefaultColumnFamilyName, FamilyOptionsOf(cache, small_buffer, false)},
      {kRowsFamily, FamilyOptionsOf(cache, options.write_buffer_bytes, true)},
      {kBySeqFamily, FamilyOptionsOf(cache, options.write_buffer_bytes / 2, false)},
      {kMetaFamily, FamilyOptionsOf(cache, small_buffer, true)},
      {kMessagesFamily, MessagesOptionsOf(cache, options.write_buffer_bytes)},
      {kColdKeysFamily, FamilyOptionsOf(cache, options.write_buffer_bytes / 2, true)},
      {kColdMarksFamily, FamilyOptionsOf(cache, small_buffer, true)},
  };
  KALAM_TRY(MakeFolder(options.env != nullptr ? *options.env : *rocksdb::Env::Default(), options.path));
  rocksdb::DB* db = nullptr;
  const rocksdb::Status status =
      rocksdb::DB::Open(DbOptionsOf(options), options.path, families, &impl->handles, &db);
  if (!status.ok()) {
    Error error = FromRocks(status, "open");
    error.message = fmt::format("Cannot open the database in '{}': {}", options.path, status.ToString());
    return Fail(std::move(error));
  }
  impl->db.reset(db);
  const auto& handles = impl->handles;
  impl->database = {db, handles[1], handles[2], handles[3], handles[4], handles[5], handles[6]};
  KALAM_TRY(CheckFormat(impl->database));
  KALAM_ASSIGN(const Seq ceiling, ReadCeiling(impl->database));
  impl->committer = std::make_unique<Committer>(impl->database, options, clock, ceiling);
  return std::unique_ptr<Store>(new Store(std::move(impl)));
}

void Store::Stop() {
  impl_->committer->Stop();
  // An orderly stop is durable in os mode too. A failure changes nothing that was promised. After a failed
  // write RocksDB's log may not be touched again.
  const bool sync = impl_->options.durability == Durability::kOs && !impl_->committer->failed();
  if (sync) (void)impl_->db->SyncWAL();
}

Snapshot::Snapshot(Snapshot&& other) noexcept
    : store_(std::exchange(other.store_, nullptr)),
      snapshot_(std::exchange(other.snapshot_, nullptr)),
      seq_(other.seq_) {}

Snapshot& Snapshot::operator=(Snapshot&& other) noexcept {
  if (this == &other) return *this;
  if (snapshot_ != nullptr) store_->impl_->db->ReleaseSnapshot(snapshot_);
  store_ = std::exchange(other.store_, nullptr);
  snapshot_ = std::exchange(other.snapshot_, nullptr);
  seq_ = other.seq_;
  return *this;
}

Snapshot::~Snapshot() {
  if (snapshot_ != nullptr) store_->impl_->db->ReleaseSnapshot(snapshot_);
}

Snapshot Store::TakeSnapshot() const {
  Snapshot snapshot;
  snapshot.store_ = this;
  for (;;) {
    snapshot.snapshot_ = impl_->db->GetSnapshot();
    const auto seq = impl_->committer->SeqAt(snapshot.snapshot_->GetSequenceNumber());
    if (seq) {
      snapshot.seq_ = *seq;
      return snapshot;
    }
    // So many writes came between the two that its place among them is forgotten.
    impl_->db->ReleaseSnapshot(snapshot.snapshot_);
  }
}

uint64_t Snapshot::position() const { return snapshot_->GetSequenceNumber(); }

Result<bool> Store::Get(Space space, std::string_view key, PinnedBytes& out, const Snapshot* snapshot) const {
  rocksdb::ReadOptions read;
  if (snapshot != nullptr) read.snapshot = snapshot->snapshot_;
  out.slice_->Reset();
  const rocksdb::Status status =
      impl_->db->Get(read, impl_->HandleOf(space), rocksdb::Slice(key.data(), key.size()), out.slice_.get());
  if (status.ok()) return true;
  if (status.IsNotFound()) return false;
  return Fail(FromRocks(status, "read"));
}

struct Cursor::State {
  std::string begin;
  std::string end;
  rocksdb::Slice lower;
  rocksdb::Slice upper;
  Direction direction = Direction::kForward;
  std::unique_ptr<rocksdb::Iterator> iterator;
};

Cursor::~Cursor() = default;
bool Cursor::Valid() const { return state_->iterator->Valid(); }

void Cursor::Next() {
  if (state_->direction == Direction::kForward) {
    state_->iterator->Next();
  } else {
    state_->iterator->Prev();
  }
}

void Cursor::Seek(std::string_view key) { state_->iterator->Seek(rocksdb::Slice(key.data(), key.size())); }

std::string_view Cursor::key() const {
  const rocksdb::Slice slice = state_->iterator->key();
  return {slice.data(), slice.size()};
}

std::string_view Cursor::value() const {
  const rocksdb::Slice slice = state_->iterator->value();
  return {slice.data(), slice.size()};
}

Status Cursor::status() const {
  const rocksdb::Status status = state_->iterator->status();
  if (status.ok()) return {};
  return Fail(FromRocks(status, "read"));
}

std::unique_ptr<Cursor> Store::Scan(Space space, std::string_view begin, std::string_view end,
                                    Direction direction, const Snapshot* snapshot) const {
  std::unique_ptr<Cursor> cursor(new Cursor());
  cursor->state_ = std::make_unique<Cursor::State>();
  Cursor::State& state = *cursor->state_;
  state.begin = begin;
  state.end = end;
  state.lower = state.begin;
  state.upper = state.end;
  state.direction = direction;
  rocksdb::ReadOptions read;
  read.iterate_lower_bound = &state.lower;
  if (!end.empty()) read.iterate_upper_bound = &state.upper;
  if (snapshot != nullptr) read.snapshot = snapshot->snapshot_;
  state.iterator.reset(impl_->db->NewIterator(read, impl_->HandleOf(space)));
  if (direction == Direction::kForward) {
    state.iterator->SeekToFirst();
  } else {
    state.iterator->SeekToLast();
  }
  return cursor;
}

uint64_t Store::ApproximateBytes(Space space, std::string_view begin, std::string_view end) const {
  rocksdb::SizeApproximationOptions options;
  options.include_memtables = true;
  options.include_files = true;
  const rocksdb::Range range(SliceOf(begin), SliceOf(end));
  uint64_t bytes = 0;
  const rocksdb::Status status =
      impl_->db->GetApproximateSizes(options, impl_->HandleOf(space), &range, 1, &bytes);
  return status.ok() ? bytes : 0;
}

std::vector<std::string> Store::Split(Space space, std::string_view begin, std::string_view end, size_t parts,
                                      size_t bytes_min) const {
  const auto bytes_before = [&](std::string_view key) { return ApproximateBytes(space, begin, key); };
  if (end.empty()) return {};
  const uint64_t total = bytes_before(end);
  if (bytes_min > 0) parts = std::min<size_t>(parts, total / bytes_min);
  if (parts < 2) return {};
  const auto first = Scan(space, begin, end);
  const auto last = Scan(space, begin, end, Direction::kBackward);
  if (!first->Valid() || !last->Valid()) return {};
  return SplitKeys(first->key(), last->key(), total, parts, bytes_before);
}

void Store::Submit(Batch batch, CommitDone done) {
  impl_->committer->Submit(std::move(batch), std::move(done));
}

void Store::SubmitSoon(Batch batch, CommitDone done) {
  impl_->committer->Submit(std::move(batch), std::move(done), LaterQueue::Current());
}

CommitResult Store::Commit(Batch batch) {
  std::mutex mu;
  std::condition_variable ready;
  std::optional<CommitResult> result;
  impl_->committer->Submit(std::move(batch), [&](CommitResult r) {
    std::lock_guard lock(mu);
    result = std::move(r);
    ready.notify_one();  // under the lock: the waiter destroys the condition when it leaves
  });
  std::unique_lock lock(mu);
  ready.wait(lock, [&] { return result.has_value(); });
  return std::move(*result);
}

void Store::AddObserver(CommitObserver& observer) { impl_->committer->AddObserver(observer); }
void Store::AddParticipant(CommitParticipant& participant) { impl_->committer->AddParticipant(participant); }

Status Store::ReclaimMessages(std::string_view begin, std::string_view end) {
  const rocksdb::Slice first = SliceOf(begin);
  const rocksdb::Slice last = SliceOf(end);
  const rocksdb::Status status = rocksdb::DeleteFilesInRange(impl_->db.get(), impl_->database.messages,
                                                             &first, &last, /*include_end=*/false);
  if (!status.ok()) return Fail(FromRocks(status, "remove files"));
  return {};
}

void Store::SetSchemaVersion(TableId table, uint32_t version) {
  impl_->committer->SetSchemaVersion(table, version);
}
void Store::AddColdTable(TableId table) { impl_->committer->cold_tables().Add(table); }
bool Store::HasColdRows(TableId table) const { return impl_->committer->cold_tables().Has(table); }
uint64_t Store::WritesOf(TableId table) const { return impl_->committer->WritesOf(table); }
uint64_t Store::TracelessChange(TableId table) const { return impl_->committer->TracelessChange(table); }
Seq Store::last_seq() const { return impl_->committer->last_seq(); }
Durability Store::durability() const { return impl_->options.durability; }
int64_t Store::sync_micros() const { return impl_->committer->sync_micros(); }

}  // namespace kalam::hot
