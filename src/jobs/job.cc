#include "jobs/job.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <boost/json.hpp>
#include <chrono>

namespace kalam::jobs {
namespace {

struct TypeRow {
  JobType type;
  std::string_view name;
  std::string_view prefix;
};
constexpr auto kTypes = std::to_array<TypeRow>({
    {JobType::kFlush, "flush", "FL"},
    {JobType::kCompact, "compact", "CO"},
    {JobType::kCleanup, "cleanup", "CL"},
    {JobType::kRetention, "retention", "RT"},
    {JobType::kStreamEviction, "stream_eviction", "SE"},
    {JobType::kUserCleanup, "user_cleanup", "UC"},
    {JobType::kBackup, "backup", "BK"},
    {JobType::kRestore, "restore", "RS"},
    {JobType::kUserExport, "user_export", "UE"},
    {JobType::kTopicCleanup, "topic_cleanup", "TC"},
    {JobType::kTopicRetention, "topic_retention", "TR"},
});

constexpr auto kStatusNames = std::to_array<std::string_view>(
    {"new", "queued", "running", "retrying", "completed", "failed", "cancelled", "skipped"});

// Row i is type i + 1 and status i, so that lookups are indexes.
consteval bool TypesInOrder() {
  for (size_t i = 0; i < kTypes.size(); ++i) {
    if (static_cast<size_t>(kTypes[i].type) != i + 1) return false;
  }
  return kStatusNames.size() == static_cast<size_t>(JobStatus::kSkipped) + 1;
}
static_assert(TypesInOrder());

const TypeRow& RowOf(JobType type) { return kTypes.at(static_cast<size_t>(type) - 1); }

}  // namespace

std::string_view JobTypeName(JobType type) { return RowOf(type).name; }
std::string_view JobTypePrefix(JobType type) { return RowOf(type).prefix; }

std::optional<JobType> ParseJobType(int64_t number) {
  if (number < 1 || number > static_cast<int64_t>(kTypes.size())) return std::nullopt;
  return static_cast<JobType>(number);
}

std::string_view JobStatusName(JobStatus status) { return kStatusNames.at(static_cast<size_t>(status)); }

std::optional<JobStatus> ParseJobStatus(int64_t number) {
  if (number < 0 || number >= static_cast<int64_t>(kStatusNames.size())) return std::nullopt;
  return static_cast<JobStatus>(number);
}

bool MayFollow(JobStatus from, JobStatus to) {
  switch (from) {
    case JobStatus::kNew:
      return to == JobStatus::kQueued || to == JobStatus::kCancelled || to == JobStatus::kFailed;
    case JobStatus::kQueued:
    case JobStatus::kRetrying:
      return to == JobStatus::kRunning || to == JobStatus::kCancelled;
    case JobStatus::kRunning:
      return to == JobStatus::kQueued || to == JobStatus::kRetrying || IsTerminal(to);
    default:
      return false;
  }
}

JobMetrics::Value& JobMetrics::Slot(std::string_view name) {
  auto found = std::ranges::find_if(values_, [&](const auto& entry) { return entry.first == name; });
  if (found != values_.end()) return found->second;
  return values_.emplace_back(std::string(name), int64_t{0}).second;
}

void JobMetrics::Add(std::string_view name, int64_t n) {
  Value& slot = Slot(name);
  const int64_t* number = std::get_if<int64_t>(&slot);
  slot = (number == nullptr ? 0 : *number) + n;
}

void JobMetrics::Set(std::string_view name, Value value) { Slot(name) = std::move(value); }

int64_t JobMetrics::Number(std::string_view name) const {
  for (const auto& [key, value] : values_) {
    if (key != name) continue;
    const int64_t* number = std::get_if<int64_t>(&value);
    return number == nullptr ? 0 : *number;
  }
  return 0;
}

std::string MetricsJson(const Job& job) {
  if (job.metrics.empty()) return "{}";
  boost::json::object json;
  for (const auto& [name, value] : job.metrics.values()) {
    std::visit([&](const auto& v) { json[name] = v; }, value);
  }
  return boost::json::serialize(json);
}

std::string ProgressJson(const Job& job) {
  if (!job.progress) return "";
  boost::json::object json;
  json["done"] = job.progress->done;
  if (job.progress->total) json["total"] = *job.progress->total;
  json["what"] = job.progress->what;
  json["rounds"] = job.rounds;
  return boost::json::serialize(json);
}

std::string HistoryText(const Job& job) {
  std::string text;
  for (const StatusStep& step : job.history) {
    if (!text.empty()) text += ',';
    text += JobStatusName(step.status);
  }
  return text;
}

std::string MillisText(int64_t wall_millis) {
  const std::chrono::sys_time<std::chrono::milliseconds> time{std::chrono::milliseconds(wall_millis)};
  const auto day = std::chrono::floor<std::chrono::days>(time);
  const std::chrono::year_month_day date(day);
  const std::chrono::hh_mm_ss clock(time - day);
  return fmt::format("{:04}-{:02}-{:02}T{:02}:{:02}:{:02}.{:03}Z", static_cast<int>(date.year()),
                     static_cast<unsigned>(date.month()), static_cast<unsigned>(date.day()),
                     clock.hours().count(), clock.minutes().count(), clock.seconds().count(),
                     clock.subseconds().count());
}

}  // namespace kalam::jobs
