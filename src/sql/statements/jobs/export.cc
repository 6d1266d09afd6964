// EXPORT USER DATA: a job that collects the caller's own rows. SHOW EXPORT: the caller's exports, newest
// first.
#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <filesystem>

#include "jobs/exports.h"
#include "jobs/list.h"
#include "sql/request.h"
#include "sql/statements/statements.h"

namespace kalam::sql {
namespace {

constexpr size_t kShownMax = 20;

std::span<const ResultColumn> Columns() {
  static const std::array<ResultColumn, 5> kColumns = {
      {{"job_id", Type(TypeKind::kText), false, true},
       {"status", Type(TypeKind::kText), false, true},
       {"created_at", Type(TypeKind::kTimestamp), false, true},
       {"message", Type(TypeKind::kText), false, true},
       {"download_url", Type(TypeKind::kText), false, true}}};
  return kColumns;
}

// User ids may hold anything but slashes.
std::string PercentEncode(std::string_view text) {
  constexpr std::string_view kPlain = "-._~";
  std::string encoded;
  for (const char c : text) {
    const bool plain = (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
                       kPlain.find(c) != std::string_view::npos;
    if (plain) {
      encoded += c;
    } else {
      encoded += fmt::format("%{:02X}", static_cast<uint8_t>(c));
    }
  }
  return encoded;
}

// Empty unless the file is there to be fetched.
std::string DownloadUrl(const jobs::Job& job, std::string_view user_id, const config::Settings& settings) {
  if (job.status != jobs::JobStatus::kCompleted) return {};
  const auto parameters = jobs::Parameters::Parse(job.parameters_json);
  if (!parameters) return {};
  const std::string export_id = parameters->TextOr("export_id", "");
  std::error_code error;
  if (!std::filesystem::exists(jobs::ExportFile(settings, user_id, export_id), error)) return {};
  const std::string origin = settings.server.public_origin.empty()
                                 ? fmt::format("http://{}:{}", settings.server.host, settings.server.port)
                                 : settings.server.public_origin;
  return fmt::format("{}/v1/exports/{}/{}", origin, PercentEncode(user_id), export_id);
}

}  // namespace

Result<Outcome> RunExportUserData(const Statement&, Request& request, Services& services) {
  KALAM_ASSIGN(const jobs::JobPtr job, services.jobs.Create(jobs::UserExportRequest(
                                           request.principal->user_id, services.clock.WallMillis())));
  return MessageOutcome(fmt::format(
      "User data export started. Job ID: {}. Use SHOW EXPORT to check status and get the download link.",
      job->id));
}

Result<Outcome> RunShowExport(const Statement&, Request& request, Services& services) {
  const std::string& user_id = request.principal->user_id;
  std::vector<jobs::JobPtr> exports = services.jobs.List();
  std::erase_if(exports, [&](const jobs::JobPtr& job) {
    return job->type != jobs::JobType::kUserExport || job->owner != user_id;
  });
  std::ranges::reverse(exports);
  if (exports.size() > kShownMax) exports.resize(kShownMax);
  request.response.Begin(Columns());
  for (const jobs::JobPtr& job : exports) {
    const std::string url = DownloadUrl(*job, user_id, services.settings);
    const std::array<Value, 5> row = {Value::Text(job->id), Value::Text(jobs::JobStatusName(job->status)),
                                      Value::Integer(TypeKind::kTimestamp, job->created_at_ms * 1000),
                                      Value::Text(job->message), Value::Text(url)};
    KALAM_TRY(request.response.Row(row));
  }
  return Outcome{OutcomeKind::kRows, request.response.rows(), {}};
}

}  // namespace kalam::sql
