// Overlay: the rows that a transaction has written and not committed, over what it reads.
//
// A plain ordered map from row key to pending image. Readers merge it over the rows below (ReadView); it
// knows nothing of where those are stored. Threads: const methods from any thread while nobody writes; a
// transaction writes between statements only. Limits: none of its own; `bytes` is what the transaction's
// limit counts.
#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <utility>

#include "base/ids.h"

namespace kalam::tables {

class Overlay {
 public:
  struct Row {
    uint32_t prefix_size = 0;  // bytes of the key before the primary key
    Seq seen;                  // of the version below, live or tombstone; 0 = there is none
    bool live_below = false;   // the version below is a live row
    std::string image;         // stored bytes with _seq 0; RowDeleted = a pending delete
    std::string cold_below;    // stored bytes of the version below when it is in the cold tier
  };
  using Rows = std::map<std::string, Row, std::less<>>;

  // nullptr when the transaction has not written the key.
  const Row* Find(std::string_view key) const {
    const auto it = rows_.find(key);
    return it == rows_.end() ? nullptr : &it->second;
  }

  // The key's next image. What lies below is noted by the first write of a key only.
  void Put(std::string key, Row row) {
    const auto it = rows_.find(key);
    if (it == rows_.end()) {
      bytes_ += key.size() + row.image.size() + row.cold_below.size() + sizeof(Rows::value_type);
      rows_.emplace(std::move(key), std::move(row));
      return;
    }
    bytes_ += row.image.size();
    bytes_ -= it->second.image.size();
    it->second.image = std::move(row.image);
  }

  // [begin, end) in key order; `end` empty = no upper bound.
  std::pair<Rows::const_iterator, Rows::const_iterator> Range(std::string_view begin,
                                                              std::string_view end) const {
    return {rows_.lower_bound(begin), end.empty() ? rows_.end() : rows_.lower_bound(end)};
  }

  bool empty() const { return rows_.empty(); }
  size_t bytes() const { return bytes_; }
  // For the commit, which takes the images with it.
  Rows& rows() { return rows_; }

 private:
  Rows rows_;
  size_t bytes_ = 0;
};

}  // namespace kalam::tables
