#include "jobs/board.h"

namespace kalam::jobs {
namespace {

bool Waits(JobStatus status) { return status == JobStatus::kQueued || status == JobStatus::kRetrying; }

}  // namespace

void Board::Index(const Entry& entry) {
  const Job& job = *entry.job;
  by_creation_.emplace(Order(job.created_at_ms, job.id), &entry);
  if (IsTerminal(job.status)) {
    finished_.emplace(job.finished_at_ms.value_or(job.updated_at_ms), job.id);
    return;
  }
  ++active_;
  if (!job.idempotency_key.empty()) active_keys_[job.idempotency_key] = job.id;
  if (Waits(job.status) && !claims_.contains(job.id)) waiting_.emplace(job.next_run_at_ms, job.id);
}

void Board::Unindex(const Entry& entry) {
  const Job& job = *entry.job;
  by_creation_.erase({job.created_at_ms, job.id});
  if (IsTerminal(job.status)) {
    finished_.erase({job.finished_at_ms.value_or(job.updated_at_ms), job.id});
    return;
  }
  --active_;
  auto key = active_keys_.find(job.idempotency_key);
  if (key != active_keys_.end() && key->second == job.id) active_keys_.erase(key);
  waiting_.erase({job.next_run_at_ms, job.id});
}

void Board::Put(JobPtr job, std::string lane, std::string cursor) {
  auto [it, is_new] = entries_.try_emplace(job->id);
  Entry& entry = it->second;
  if (is_new) {
    entry.lane = std::move(lane);
    entry.cursor = std::move(cursor);
  } else {
    Unindex(entry);
  }
  entry.job = std::move(job);
  Index(entry);
}

void Board::Erase(const std::string& id) {
  auto it = entries_.find(id);
  if (it == entries_.end()) return;
  Unindex(it->second);
  entries_.erase(it);
}

Board::Entry* Board::Find(std::string_view id) {
  auto it = entries_.find(std::string(id));
  return it == entries_.end() ? nullptr : &it->second;
}

const Board::Entry* Board::Find(std::string_view id) const {
  auto it = entries_.find(std::string(id));
  return it == entries_.end() ? nullptr : &it->second;
}

JobPtr Board::FindActive(std::string_view key) const {
  auto it = active_keys_.find(std::string(key));
  if (it == active_keys_.end()) return nullptr;
  const Entry* entry = Find(it->second);
  return entry == nullptr ? nullptr : entry->job;
}

std::vector<JobPtr> Board::List() const {
  std::vector<JobPtr> list;
  list.reserve(by_creation_.size());
  for (const auto& [order, entry] : by_creation_) list.push_back(entry->job);
  return list;
}

JobPtr Board::Claim(int64_t now_ms, std::optional<int64_t>& next_due_ms) {
  next_due_ms.reset();
  for (auto it = waiting_.begin(); it != waiting_.end(); ++it) {
    if (it->first > now_ms) {
      next_due_ms = it->first;
      return nullptr;
    }
    Entry& entry = entries_.at(it->second);
    if (!entry.lane.empty() && busy_lanes_.contains(entry.lane)) continue;
    if (!entry.lane.empty()) busy_lanes_.insert(entry.lane);
    claims_.emplace(entry.job->id, entry.lane);
    waiting_.erase(it);
    return entry.job;
  }
  return nullptr;
}

void Board::Release(std::string_view id) {
  auto claim = claims_.find(std::string(id));
  if (claim == claims_.end()) return;
  busy_lanes_.erase(claim->second);
  claims_.erase(claim);
  // The history may have forgotten it already.
  const Entry* entry = Find(id);
  if (entry != nullptr && Waits(entry->job->status))
    waiting_.emplace(entry->job->next_run_at_ms, entry->job->id);
}

std::vector<std::string> Board::Excess(size_t max, int64_t before_ms) const {
  std::vector<std::string> ids;
  size_t left = finished_.size();
  for (const auto& [finished_at, id] : finished_) {
    if (left <= max && finished_at >= before_ms) break;
    ids.push_back(id);
    --left;
  }
  return ids;
}

}  // namespace kalam::jobs
