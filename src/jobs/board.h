// Board: the jobs in memory, with the indexes that the scheduler needs: by id, in order of creation, by
// active idempotency key, by due time, by time of end. Not thread-safe: the scheduler guards it with one
// lock. Private to jobs.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>
#include <vector>

#include "jobs/job.h"

namespace kalam::jobs {

class Board {
 public:
  struct Entry {
    JobPtr job;
    std::string lane;
    std::string cursor;  // of the last checkpoint
  };

  // Adds or replaces; keeps every index in step. New entries get `lane` and `cursor`.
  void Put(JobPtr job, std::string lane = {}, std::string cursor = {});
  void Erase(const std::string& id);

  Entry* Find(std::string_view id);
  const Entry* Find(std::string_view id) const;
  JobPtr FindActive(std::string_view key) const;
  std::vector<JobPtr> List() const;  // oldest first
  size_t active() const { return active_; }

  // The waiting job that is due first, whose lane is free; claims it and its lane. nullptr when there is
  // none; then `next_due_ms` is when to look again, if any job waits for a time.
  JobPtr Claim(int64_t now_ms, std::optional<int64_t>& next_due_ms);
  // The thread is done with it: the job waits again when its state says so.
  void Release(std::string_view id);

  // Finished jobs to forget: beyond `max`, or finished before `before_ms`. Oldest end first.
  std::vector<std::string> Excess(size_t max, int64_t before_ms) const;

 private:
  using Order = std::pair<int64_t, std::string>;  // a time, then the id
  void Index(const Entry& entry);
  void Unindex(const Entry& entry);

  std::unordered_map<std::string, Entry> entries_;
  std::map<Order, const Entry*> by_creation_;  // into entries_, whose places are stable
  std::set<Order> waiting_;                    // queued and retrying, not claimed, by next_run_at
  std::set<Order> finished_;                   // by finished_at
  std::unordered_map<std::string, std::string> active_keys_;
  std::unordered_map<std::string, std::string> claims_;  // id -> lane; a thread has it
  std::set<std::string> busy_lanes_;
  size_t active_ = 0;
};

}  // namespace kalam::jobs
