// User cleanup (UC): erases a dropped user: with cascade all rows of the user in every USER and STREAM table,
// hot and cold, then the account. Without cascade the rows stay, so the id stays taken and the account only
// loses what is personal: whoever got the id anew would own the old rows.
#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <filesystem>
#include <system_error>
#include <utility>

#include "hot/key_codec.h"
#include "jobs/erasure.h"
#include "jobs/exports.h"
#include "jobs/list.h"
#include "jobs/table_job.h"

namespace kalam::jobs {
namespace {

constexpr int64_t kMillisPerDay = 86'400'000;

class UserCleanupExecutor final : public Executor {
 public:
  explicit UserCleanupExecutor(const JobServices& services) : services_(services) {}

  const ExecutorInfo& info() const override {
    static constexpr ExecutorInfo kInfo{.type = JobType::kUserCleanup, .cancel = CancelRule::kNever};
    return kInfo;
  }

  Status Validate(const Parameters& parameters) const override {
    KALAM_ASSIGN(const std::string user_id, parameters.Text("user_id"));
    KALAM_TRY(parameters.Text("username"));
    KALAM_TRY(parameters.Flag("cascade"));
    KALAM_TRY(CheckDropped(user_id));
    return {};
  }

  Result<RoundOutcome> RunRound(Round& round) const override {
    KALAM_ASSIGN(const std::string user_id, round.parameters().Text("user_id"));
    KALAM_ASSIGN(const bool cascade, round.parameters().Flag("cascade"));
    // The cursor is the id of the table that was finished last; a crash after the account went leaves nothing
    // to do.
    if (services_.users.Find(user_id) != nullptr) KALAM_TRY(CheckDropped(user_id));
    if (round.metrics().empty()) {
      for (const std::string_view name : {"tables_deleted", "acl_entries_removed", "live_queries_deleted"}) {
        round.metrics().Set(name, int64_t{0});
      }
    }
    if (cascade) {
      KALAM_ASSIGN(const Erasure erased, EraseTables(user_id, round));
      if (erased == Erasure::kStopped) return RoundOutcome::Interrupted();
      if (erased == Erasure::kBlocked) {
        return RoundOutcome::MoreWork("Waiting for work on the user's files to end", kBlockedDelayMs);
      }
    }
    if (cascade) {
      std::error_code error;
      std::filesystem::remove_all(ExportFolder(services_.settings, user_id), error);
      if (error) {
        return Fail(ErrorCode::kIo,
                    fmt::format("Cannot remove the exports of user '{}': {}", user_id, error.message()));
      }
    }
    KALAM_TRY(cascade ? services_.users.Erase(user_id) : services_.users.Anonymize(user_id));
    round.metrics().Set("user_deleted", int64_t{1});
    return RoundOutcome::Completed(
        fmt::format("Cleaned up user '{}': {} tables, {} rows deleted, {} bytes freed", user_id,
                    round.metrics().Number("tables_deleted"), round.metrics().Number("rows_deleted"),
                    round.metrics().Number("bytes_freed")));
  }

 private:
  Status CheckDropped(const std::string& user_id) const {
    const auth::UserPtr user = services_.users.Find(user_id);
    if (user == nullptr) return Fail(ErrorCode::kNotFoundUser, fmt::format("User '{}' not found", user_id));
    if (!user->deleted_at_ms) return Fail(ErrorCode::kInvalidOperation, "User must be soft-deleted first");
    return {};
  }

  Result<Erasure> EraseTables(const std::string& user_id, Round& round) const {
    uint32_t finished = 0;
    const std::string_view cursor = round.cursor();
    std::from_chars(cursor.data(), cursor.data() + cursor.size(), finished);
    std::vector<catalog::TablePtr> tables = services_.catalog.Snapshot()->Tables();
    std::erase_if(tables, [&](const catalog::TablePtr& table) {
      return !table->has_private_rows() || table->id.value <= finished;
    });
    std::ranges::sort(tables, {}, [](const catalog::TablePtr& table) { return table->id.value; });
    for (size_t i = 0; i < tables.size(); ++i) {
      const int64_t rows_before = round.metrics().Number("rows_deleted");
      const int64_t bytes_before = round.metrics().Number("bytes_freed");
      KALAM_ASSIGN(const Erasure erased,
                   EraseRows(services_, hot::UserPrefix(tables[i]->id, user_id), round));
      if (erased == Erasure::kStopped) return erased;
      if (round.metrics().Number("rows_deleted") > rows_before ||
          round.metrics().Number("bytes_freed") > bytes_before) {
        round.metrics().Add("tables_deleted", 1);
      }
      // What was counted now belongs to this table, also when its files go in a later round.
      if (erased == Erasure::kBlocked) return erased;
      round.SetProgress({static_cast<int64_t>(i + 1), static_cast<int64_t>(tables.size()), "tables"});
      KALAM_TRY(round.Checkpoint(fmt::to_string(tables[i]->id.value)));
      if (round.should_stop()) return Erasure::kStopped;
    }
    return Erasure::kDone;
  }

  const JobServices& services_;
};

}  // namespace

std::unique_ptr<Executor> MakeUserCleanupExecutor(const JobServices& services) {
  return std::make_unique<UserCleanupExecutor>(services);
}

JobRequest UserCleanupRequest(std::string_view user_id, bool cascade, std::string owner) {
  JobRequest request;
  request.type = JobType::kUserCleanup;
  request.parameters.Set("user_id", user_id);
  request.parameters.Set("username", user_id);
  request.parameters.SetFlag("cascade", cascade);
  request.owner = std::move(owner);
  request.idempotency_key = fmt::format("user_cleanup:{}", user_id);
  return request;
}

Planner UserCleanupPlanner(const JobServices& services, Scheduler& scheduler) {
  const auto plan = [&services, &scheduler]() -> Status {
    const int64_t days = services.settings.user_management.deletion_grace_period_days;
    const int64_t before = services.clock.WallMillis() - days * kMillisPerDay;
    for (const auth::UserPtr& user : services.users.List()) {
      if (!user->deleted_at_ms || *user->deleted_at_ms > before) continue;
      KALAM_TRY(CreateUnlessActive(scheduler, UserCleanupRequest(user->user_id, true, "system")));
    }
    return {};
  };
  constexpr int64_t kIntervalMs = 3'600'000;
  return {"user cleanup", kIntervalMs, plan};
}

}  // namespace kalam::jobs
