// KILL JOB: ends a background job. Its owner and administrators may.
#include <fmt/format.h>

#include <chrono>

#include "sql/audit.h"
#include "sql/handlers.h"
#include "sql/request.h"
#include "sql/statements/statements.h"

namespace kalam::sql {
namespace {

// A running job ends after its batch; most do within this time, so that the answer can say so.
constexpr std::chrono::milliseconds kPatience{2'000};

}  // namespace

Result<Outcome> RunKillJob(const Statement& statement, Request& request, Services& services) {
  const auto& kill = std::get<KillJob>(statement.body);
  const Principal& caller = *request.payload.principal;
  const jobs::JobPtr job = services.jobs.Find(kill.job_id);
  if (!caller.is_admin() && (job == nullptr || job->owner != caller.user_id)) {
    // The same answer for jobs of others and for none: ids cannot be tried out.
    return Fail(InsufficientRole("Admin privileges (DBA or System role) required for job management",
                                 "KILL JOB", caller));
  }
  KALAM_ASSIGN(
      jobs::JobPtr killed,
      services.jobs.Cancel(kill.job_id, caller.user_id, AuditOf(request, services, "KILL_JOB", kill.job_id)));
  if (!jobs::IsTerminal(killed->status)) killed = services.jobs.WaitFor(kill.job_id, kPatience);
  const bool ended = killed == nullptr || jobs::IsTerminal(killed->status);
  return MessageOutcome(fmt::format("Job {} killed: {}", kill.job_id, ended ? "cancelled" : "cancelling"));
}

}  // namespace kalam::sql
