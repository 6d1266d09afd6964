#include "jobs/stream_scan.h"

#include <algorithm>
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

Result<Seq> CutoffBySize(const hot::Store& store, TableId table, int64_t bytes_max) {
  const std::string prefix = hot::SharedPrefix(table);
  std::map<int64_t, int64_t> bytes_by_second;
  int64_t total = 0;
  auto cursor = store.Scan(hot::Space::kRows, prefix, hot::PrefixEnd(prefix));
  for (; cursor->Valid(); cursor->Next()) {
    const auto bytes = static_cast<int64_t>(cursor->key().size() + cursor->value().size());
    bytes_by_second[hot::SeqWallMillis(hot::RowSeq(cursor->value())) / 1000] += bytes;
    total += bytes;
  }
  KALAM_TRY(cursor->status());
  Seq cutoff;
  for (auto it = bytes_by_second.begin(); it != bytes_by_second.end() && total > bytes_max; ++it) {
    total -= it->second;
    cutoff = hot::SeqFloor((it->first + 1) * 1000);
  }
  return cutoff;
}

}  // namespace kalam::jobs
