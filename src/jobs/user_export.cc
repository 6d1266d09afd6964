// User export (UE): all rows of one user in every USER and STREAM table, as of one commit, in a zip file: one
// <namespace>/<table>.ndjson per table, a JSON object per line, values as the SQL answers have them.
#include <fcntl.h>
#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <filesystem>
#include <system_error>
#include <utility>

#include "cold/cold_tier.h"
#include "hot/key_codec.h"
#include "hot/row_codec.h"
#include "jobs/exports.h"
#include "jobs/list.h"
#include "jobs/stream_scan.h"
#include "jobs/zip_file.h"
#include "tables/read_view.h"
#include "wire/json_text.h"
#include "wire/value_json.h"

namespace kalam::jobs {
namespace {

constexpr int64_t kStopCheckRows = 1024;
constexpr size_t kPieceBytes = 1 << 18;
constexpr size_t kKeptPerUser = 3;

// After a rename: the new name survives a power loss.
Status SyncFolder(const std::string& folder) {
  const int fd = open(folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  const bool synced = fd >= 0 && fsync(fd) == 0;
  const int error = errno;
  if (fd >= 0) close(fd);
  if (synced) return {};
  return Fail(ErrorCode::kIo,
              fmt::format("Cannot sync '{}': {}", folder, std::generic_category().message(error)));
}

Error Stopped() { return Error(ErrorCode::kCancelled, "The export was stopped"); }

// One table's rows as lines.
class TableLines {
 public:
  TableLines(const catalog::Table& table, ZipFile& zip, Round& round, int64_t& rows)
      : table_(table), zip_(zip), round_(round), rows_(rows) {}

  Status Add(std::string_view row_bytes) {
    if (++rows_ % kStopCheckRows == 0 && round_.should_stop()) return Fail(Stopped());
    KALAM_ASSIGN(const hot::RowView row, table_.codec->Open(row_bytes));
    if (!open_) KALAM_TRY(zip_.BeginEntry(fmt::format("{}/{}.ndjson", table_.ns, table_.name)));
    open_ = true;
    const TableSchema& schema = table_.schema();
    for (size_t i = 0; i < schema.columns.size(); ++i) {
      lines_ += i == 0 ? '{' : ',';
      wire::AppendJsonString(schema.columns[i].name, lines_);
      lines_ += ':';
      // JSON has no text for NaN and infinity; the export is complete without failing on them.
      const size_t before = lines_.size();
      if (!wire::AppendJsonValue(row.Get(i), lines_)) {
        lines_.resize(before);
        lines_ += "null";
      }
    }
    lines_ += fmt::format("{}\"_seq\":\"{}\"}}\n", schema.columns.empty() ? "{" : ",", row.seq().value);
    if (lines_.size() >= kPieceBytes) return Flush();
    return {};
  }
  // True when the table had rows.
  Result<bool> Finish() {
    if (!open_) return false;
    KALAM_TRY(Flush());
    KALAM_TRY(zip_.EndEntry());
    return true;
  }

 private:
  Status Flush() {
    KALAM_TRY(zip_.Write(lines_));
    lines_.clear();
    return {};
  }

  const catalog::Table& table_;
  ZipFile& zip_;
  Round& round_;
  int64_t& rows_;
  std::string lines_;
  bool open_ = false;
};

class UserExportExecutor final : public Executor {
 public:
  explicit UserExportExecutor(const JobServices& services) : services_(services) {}

  const ExecutorInfo& info() const override {
    static constexpr ExecutorInfo kInfo{.type = JobType::kUserExport, .restart = RestartRule::kFail};
    return kInfo;
  }

  Status Validate(const Parameters& parameters) const override {
    KALAM_ASSIGN(const std::string user_id, parameters.Text("user_id"));
    KALAM_TRY(auth::ValidateUserId(user_id));
    KALAM_TRY(parameters.Text("export_id"));
    return {};
  }

  Result<RoundOutcome> RunRound(Round& round) const override {
    KALAM_ASSIGN(const std::string user_id, round.parameters().Text("user_id"));
    KALAM_ASSIGN(const std::string export_id, round.parameters().Text("export_id"));
    const std::string folder = ExportFolder(services_.settings, user_id);
    std::error_code error;
    std::filesystem::create_directories(folder, error);
    if (error) return Fail(ErrorCode::kIo, fmt::format("Cannot create '{}': {}", folder, error.message()));
    const std::string part = fmt::format("{}/{}.part", folder, export_id);
    Status written = Write(part, user_id, round);
    if (written) {
      std::filesystem::rename(part, ExportFile(services_.settings, user_id, export_id), error);
      written = error ? Fail(ErrorCode::kIo, fmt::format("Cannot rename '{}': {}", part, error.message()))
                      : SyncFolder(folder);
    }
    if (!written) {
      std::filesystem::remove(part, error);
      if (written.error().code == ErrorCode::kCancelled) return RoundOutcome::Interrupted();
      return Fail(std::move(written).error());
    }
    RemoveOld(folder);
    return RoundOutcome::Completed(fmt::format("Export completed: {} rows of {} tables",
                                               round.metrics().Number("rows_exported"),
                                               round.metrics().Number("tables_exported")));
  }

 private:
  Status Write(const std::string& part, const std::string& user_id, Round& round) const {
    KALAM_ASSIGN(const auto zip, ZipFile::Create(part));
    // Tables first: the snapshot then holds at least what they held.
    const std::vector<catalog::TablePtr> tables = services_.catalog.Snapshot()->Tables();
    const cold::PinPtr pin = services_.cold == nullptr ? nullptr : services_.cold->Pin();
    const hot::Snapshot snapshot = services_.store.TakeSnapshot();
    int64_t rows = 0;
    int64_t tables_exported = 0;
    for (const catalog::TablePtr& table : tables) {
      if (!table->has_private_rows()) continue;
      TableLines lines(*table, *zip, round, rows);
      KALAM_TRY(WriteTable(*table, user_id, snapshot, lines));
      KALAM_ASSIGN(const bool had_rows, lines.Finish());
      if (had_rows) ++tables_exported;
      round.SetProgress({rows, std::nullopt, "rows"});
    }
    KALAM_TRY(zip->Finish());
    round.metrics().Set("rows_exported", rows);
    round.metrics().Set("tables_exported", tables_exported);
    round.metrics().Set("bytes", static_cast<int64_t>(zip->bytes()));
    return {};
  }

  Status WriteTable(const catalog::Table& table, const std::string& user_id, const hot::Snapshot& snapshot,
                    TableLines& lines) const {
    const std::string prefix = hot::UserPrefix(table.id, user_id);
    Seq first;
    if (table.type == TableType::kStream) {
      first = FirstLiving(table.options.ttl_seconds.value_or(0), services_.clock.WallMillis());
    }
    auto cursor = services_.store.Scan(hot::Space::kRows, prefix, hot::PrefixEnd(prefix),
                                       hot::Direction::kForward, &snapshot);
    for (; cursor->Valid(); cursor->Next()) {
      if (hot::RowDeleted(cursor->value()) || hot::RowSeq(cursor->value()) < first) continue;
      KALAM_TRY(lines.Add(cursor->value()));
    }
    KALAM_TRY(cursor->status());
    if (services_.cold == nullptr || table.type == TableType::kStream) return {};
    return services_.cold->ReadRows(tables::ShapeOf(table), prefix, snapshot,
                                    [&](std::string_view, std::string_view row) { return lines.Add(row); });
  }

  // Export ids carry their time, so the names of newer ones are greater.
  static void RemoveOld(const std::string& folder) {
    std::vector<std::filesystem::path> files;
    std::error_code error;
    for (const auto& entry : std::filesystem::directory_iterator(folder, error)) {
      if (entry.path().extension() == ".zip") files.push_back(entry.path());
    }
    std::ranges::sort(files);
    for (size_t i = 0; i + kKeptPerUser < files.size(); ++i) std::filesystem::remove(files[i], error);
  }

  const JobServices& services_;
};

}  // namespace

std::unique_ptr<Executor> MakeUserExportExecutor(const JobServices& services) {
  return std::make_unique<UserExportExecutor>(services);
}

JobRequest UserExportRequest(std::string_view user_id, int64_t now_ms) {
  const std::chrono::sys_time<std::chrono::milliseconds> time{std::chrono::milliseconds(now_ms)};
  const auto day = std::chrono::floor<std::chrono::days>(time);
  const std::chrono::year_month_day date(day);
  const std::chrono::hh_mm_ss clock(time - day);
  const std::string stamp =
      fmt::format("{:04}{:02}{:02}", static_cast<int>(date.year()), static_cast<unsigned>(date.month()),
                  static_cast<unsigned>(date.day()));
  JobRequest request;
  request.type = JobType::kUserExport;
  request.parameters.Set("user_id", user_id);
  request.parameters.Set("export_id", fmt::format("export-{}-{:02}{:02}{:02}", stamp, clock.hours().count(),
                                                  clock.minutes().count(), clock.seconds().count()));
  request.owner = user_id;
  request.idempotency_key = fmt::format("user_export:{}:{}", user_id, stamp);
  return request;
}

}  // namespace kalam::jobs
