// TransactionList: the explicit transactions that are open now, for system.transactions and metrics.
//
// Owner: main(). Threads: every method is thread-safe. Limits: a transaction lives inside one request on one
// worker thread, so there are never more than worker threads.
#pragma once

#include <cstdint>
#include <map>
#include <mutex>
#include <string>
#include <string_view>
#include <vector>

#include "base/ids.h"

namespace kalam::tables {

enum class TransactionState : uint8_t { kOpenRead, kOpenWrite, kCommitting, kTimedOut, kAborted };

// As clients know it: "open_read", "committing", ...
std::string_view TransactionStateName(TransactionState state);

struct TransactionInfo {
  std::string id;        // UUID version 7
  std::string owner_id;  // "sql-req-<request id>"
  TransactionState state = TransactionState::kOpenRead;
  int64_t started_nanos = 0;    // Clock::MonotonicNanos
  int64_t last_used_nanos = 0;  // start of its newest statement
  int64_t write_count = 0;      // row changes that were staged
  int64_t write_bytes = 0;
  int64_t touched_tables = 0;
  Seq snapshot_seq;
};

class TransactionList {
 public:
  void Set(const TransactionInfo& info) {
    std::lock_guard lock(mu_);
    open_[info.id] = info;
  }
  void Remove(std::string_view id) {
    std::lock_guard lock(mu_);
    if (const auto it = open_.find(id); it != open_.end()) open_.erase(it);
  }
  // Oldest first.
  std::vector<TransactionInfo> List() const {
    std::lock_guard lock(mu_);
    std::vector<TransactionInfo> all;
    all.reserve(open_.size());
    for (const auto& [id, info] : open_) all.push_back(info);
    return all;
  }
  size_t size() const {
    std::lock_guard lock(mu_);
    return open_.size();
  }

 private:
  mutable std::mutex mu_;
  std::map<std::string, TransactionInfo, std::less<>> open_;  // guarded by mu_
};

}  // namespace kalam::tables
