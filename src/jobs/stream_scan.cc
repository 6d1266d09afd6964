#include "jobs/stream_scan.h"

#include <algorithm>
#include <iterator>
#include <map>

#include "hot/key_codec.h"
#include "hot/row_codec.h"
#include "hot/seq.h"

namespace kalam::jobs {
namespace {

constexpr size_t kSeqBytes = 8;

}  // namespace

StreamScan::StreamScan(const hot::Store& store, TableId table, std::string_view from, Seq cutoff,
                       hot::Space space)
    : cursor_(store.Scan(space, from, hot::PrefixEnd(hot::SharedPrefix(table)))), cutoff_(cutoff) {
  SkipLiving();
}

void StreamScan::Next() {
  cursor_->Next();
  SkipLiving();
}

void StreamScan::SkipLiving() {
  while (cursor_->Valid()) {
    const std::string_view key = cursor_->key();
    const auto seq = hot::DecodeSeq(key.substr(key.size() - kSeqBytes));
    if (!seq || *seq < cutoff_) return;
    cursor_->Seek(hot::PrefixEnd(key.substr(0, key.size() - kSeqBytes)));
  }
}

Seq FirstLiving(int64_t ttl_seconds, int64_t now_ms) {
  return hot::SeqFloor(std::max(now_ms - ttl_seconds * 1000 + 1, hot::kSeqEpochMillis));
}

namespace {

// Bytes of the table's rows at or above `from`, summed up by `key_of` their _seq.
template <typename KeyOf>
Result<std::map<int64_t, int64_t>> BytesBy(const hot::Store& store, TableId table, Seq from, KeyOf key_of) {
  std::map<int64_t, int64_t> bytes;
  const std::string prefix = hot::SharedPrefix(table);
  auto cursor = store.Scan(hot::Space::kRows, prefix, hot::PrefixEnd(prefix));
  for (; cursor->Valid(); cursor->Next()) {
    const Seq seq = hot::RowSeq(cursor->value());
    if (seq < from) continue;
    bytes[key_of(seq)] += static_cast<int64_t>(cursor->key().size() + cursor->value().size());
  }
  KALAM_TRY(cursor->status());
  return bytes;
}

}  // namespace

Result<Seq> CutoffBySize(const hot::Store& store, TableId table, int64_t bytes_max) {
  KALAM_ASSIGN(const auto seconds,
               BytesBy(store, table, Seq(), [](Seq seq) { return hot::SeqWallMillis(seq) / 1000; }));
  int64_t total = 0;
  for (const auto& [second, bytes] : seconds) total += bytes;
  if (total <= bytes_max) return Seq();
  const int64_t kept = bytes_max - bytes_max / 10;
  Seq cutoff;
  for (auto it = seconds.begin(); std::next(it) != seconds.end() && total > kept; ++it) {
    total -= it->second;
    cutoff = hot::SeqFloor((it->first + 1) * 1000);
  }
  if (total <= kept) return cutoff;
  KALAM_ASSIGN(const auto rows, BytesBy(store, table, cutoff, [](Seq seq) { return seq.value; }));
  total = 0;
  for (const auto& [seq, bytes] : rows) total += bytes;
  for (auto it = rows.begin(); it != rows.end() && total > kept; ++it) {
    total -= it->second;
    cutoff = Seq(it->first + 1);
  }
  return cutoff;
}

}  // namespace kalam::jobs
