// RoundState: the Round that executors get from the scheduler. Private to jobs.
#pragma once

#include <atomic>
#include <functional>
#include <string>
#include <utility>

#include "hot/store.h"
#include "jobs/executor.h"
#include "jobs/record.h"

namespace kalam::jobs {

// Belongs to the thread that runs the round; Cancel may come from any thread.
class RoundState final : public Round {
 public:
  using Show = std::function<void(const jobs::Checkpoint&)>;

  // `stopping` is set when the server stops; `show` makes progress visible. `job` carries the metrics of the
  // last checkpoint.
  RoundState(hot::Store& store, const std::atomic<bool>& stopping, Show show, JobPtr job,
             Parameters parameters, std::string cursor)
      : store_(store),
        stopping_(stopping),
        show_(std::move(show)),
        job_(std::move(job)),
        parameters_(std::move(parameters)),
        now_{.cursor = std::move(cursor), .metrics = job_->metrics, .progress = job_->progress},
        durable_(now_) {}

  const Job& job() const override { return *job_; }
  const Parameters& parameters() const override { return parameters_; }
  bool should_stop() const override {
    return cancelled_.load(std::memory_order_relaxed) || stopping_.load(std::memory_order_relaxed);
  }
  std::string_view cursor() const override { return durable_.cursor; }
  JobMetrics& metrics() override { return now_.metrics; }
  void SetProgress(JobProgress progress) override {
    now_.progress = std::move(progress);
    show_(now_);
  }

  hot::MetaOp CheckpointOp(std::string cursor) const override {
    jobs::Checkpoint checkpoint = now_;
    checkpoint.cursor = std::move(cursor);
    return {CheckpointKey(job_->id), EncodeCheckpoint(checkpoint)};
  }
  void Checkpointed(std::string cursor) override {
    now_.cursor = std::move(cursor);
    durable_ = now_;
    show_(now_);
  }
  Status Checkpoint(std::string cursor) override {
    hot::Batch batch;
    batch.meta.push_back(CheckpointOp(cursor));
    KALAM_TRY(store_.Commit(std::move(batch)).status);
    Checkpointed(std::move(cursor));
    return {};
  }

  void Cancel() { cancelled_.store(true, std::memory_order_relaxed); }
  // After a round that failed or was interrupted only what has a checkpoint counts.
  const jobs::Checkpoint& Outcome(bool went_well) const { return went_well ? now_ : durable_; }

 private:
  hot::Store& store_;
  const std::atomic<bool>& stopping_;
  Show show_;
  JobPtr job_;
  Parameters parameters_;
  jobs::Checkpoint now_;
  jobs::Checkpoint durable_;
  std::atomic<bool> cancelled_{false};
};

}  // namespace kalam::jobs
