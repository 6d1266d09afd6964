#include "hot/moved_rows.h"

#include <rocksdb/db.h>
#include <rocksdb/write_batch.h>

#include <algorithm>
#include <memory>

#include "hot/key_codec.h"

namespace kalam::hot {
namespace {

// A range deletion is looked at by every read until it is compacted away; for a few rows it is no gain.
constexpr size_t kRunMin = 32;
// So many entries of others are stepped over in search of runs, per row that moves.
constexpr size_t kStrangersPerRow = 1;

rocksdb::Slice SliceOf(std::string_view bytes) { return {bytes.data(), bytes.size()}; }

// Deletes `keys`, which are ascending and in the database.
class RunDeleter {
 public:
  RunDeleter(rocksdb::DB& db, rocksdb::ColumnFamilyHandle* family, bool single, rocksdb::WriteBatch& out)
      : db_(db), family_(family), single_(single), out_(out) {}

  void Delete(std::span<const std::string_view> keys, const std::function<bool(std::string_view)>& harmless) {
    size_t begin = 0;  // of the current run
    size_t at = 0;
    if (keys.size() >= kRunMin) {
      const std::string last = std::string(keys.back()) + '\0';
      const rocksdb::Slice upper(last);
      rocksdb::ReadOptions read;
      read.fill_cache = false;
      read.iterate_upper_bound = &upper;
      const std::unique_ptr<rocksdb::Iterator> entry(db_.NewIterator(read, family_));
      size_t strangers = keys.size() * kStrangersPerRow;
      for (entry->Seek(SliceOf(keys[0])); entry->Valid() && at < keys.size(); entry->Next()) {
        const std::string_view key(entry->key().data(), entry->key().size());
        if (key == keys[at]) {
          ++at;
          continue;
        }
        if (harmless && harmless(key)) continue;
        if (key > keys[at]) break;  // cannot be: a key that moves is there
        Flush(keys.subspan(begin, at - begin));
        begin = at;
        if (strangers-- == 0) break;
      }
      // After a failed read `at` is still the end of what was seen.
      Flush(keys.subspan(begin, at - begin));
    }
    for (const std::string_view key : keys.subspan(at)) DeleteOne(key);
  }

 private:
  void Flush(std::span<const std::string_view> run) {
    if (run.size() < kRunMin) {
      for (const std::string_view key : run) DeleteOne(key);
      return;
    }
    const std::string end = std::string(run.back()) + '\0';
    out_.DeleteRange(family_, SliceOf(run.front()), end);
  }
  void DeleteOne(std::string_view key) {
    if (single_) {
      out_.SingleDelete(family_, SliceOf(key));
    } else {
      out_.Delete(family_, SliceOf(key));
    }
  }

  rocksdb::DB& db_;
  rocksdb::ColumnFamilyHandle* const family_;
  const bool single_;
  rocksdb::WriteBatch& out_;
};

}  // namespace

void MovedRows::Collect(rocksdb::WriteBatch& out) const {
  for (size_t begin = 0; begin < rows_.size();) {
    const auto scope = [](const Row& row) { return row.key.substr(0, row.prefix_size); };
    size_t end = begin + 1;
    while (end < rows_.size() && rows_[end].key > rows_[end - 1].key &&
           scope(rows_[end]) == scope(rows_[begin])) {
      ++end;
    }
    CollectRun(std::span(rows_).subspan(begin, end - begin), out);
    begin = end;
  }
}

void MovedRows::CollectRun(std::span<const Row> rows, rocksdb::WriteBatch& out) const {
  std::vector<std::string_view> keys;
  keys.reserve(rows.size());
  for (const Row& row : rows) keys.push_back(row.key);
  RunDeleter(*database_.db, database_.rows, false, out).Delete(keys, rewritten_);

  // In the order of by_seq, which is the one in which the rows were written.
  std::vector<Seq> seqs;
  seqs.reserve(rows.size());
  for (const Row& row : rows) seqs.push_back(row.seq);
  std::sort(seqs.begin(), seqs.end());
  const std::string_view prefix = rows[0].key.substr(0, rows[0].prefix_size);
  std::string bytes;
  const size_t width = prefix.size() + sizeof(int64_t);
  bytes.reserve(seqs.size() * width);
  for (const Seq seq : seqs) {
    bytes += prefix;
    AppendSeq(seq, bytes);
  }
  for (size_t i = 0; i < seqs.size(); ++i) keys[i] = std::string_view(bytes).substr(i * width, width);
  // Each by_seq key is put once and deleted at most once, which is what SingleDelete asks for.
  RunDeleter(*database_.db, database_.by_seq, true, out).Delete(keys, {});
}

}  // namespace kalam::hot
