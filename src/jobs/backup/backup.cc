// Backup (BK): a copy of the database, a namespace or a table as of one commit, written to a folder or a
// storage while everybody goes on writing. Every file is read back and its hash compared before the manifest,
// which makes it a backup, is written.
#include <fmt/format.h>

#include <algorithm>
#include <filesystem>
#include <utility>

#include "base/fault_point.h"
#include "catalog/record.h"
#include "cold/cold_tier.h"
#include "hot/key_codec.h"
#include "hot/row_codec.h"
#include "jobs/backup/objects.h"
#include "jobs/backup/row_file.h"
#include "jobs/backup/scope.h"
#include "jobs/backup/transfer.h"
#include "jobs/list.h"
#include "jobs/stream_scan.h"

namespace kalam::jobs {
namespace {

constexpr int64_t kFileBytesMax = 64 << 20;
constexpr int64_t kStopCheckRows = 1024;
constexpr size_t kTableIdBytes = 4;

Error Stopped() { return Error(ErrorCode::kCancelled, "The backup was stopped"); }

// Writes one table's rows to files of the target. One use.
class TableDump {
 public:
  TableDump(const BackupTarget& target, std::string folder, Round& round, int64_t& rows_total)
      : target_(target), folder_(std::move(folder)), round_(round), rows_total_(rows_total) {}

  Status Add(std::string_view key, std::string_view row) {
    if (++seen_ % kStopCheckRows == 0 && round_.should_stop()) return Fail(Stopped());
    if (writer_ == nullptr) {
      name_ = fmt::format("{}/rows-{:04}.kl", folder_, files_.size() + 1);
      KALAM_ASSIGN(writer_, RowFileWriter::Create(fmt::format("{}/{}-{}", target_.store->staging_folder(),
                                                              round_.job().id, rows_total_)));
    }
    KALAM_TRY(writer_->Add(key.substr(kTableIdBytes), row));
    ++rows_total_;
    if (writer_->bytes() >= kFileBytesMax) return Close();
    return {};
  }

  Status Finish() { return writer_ == nullptr ? Status() : Close(); }
  const std::vector<BackupFile>& files() const { return files_; }

  ~TableDump() {
    if (writer_ == nullptr) return;
    std::error_code ignored;
    std::filesystem::remove(writer_->path(), ignored);
  }

 private:
  Status Close() {
    KALAM_TRY(writer_->Finish());
    BackupFile file{name_, writer_->rows(), writer_->bytes(), writer_->sha256()};
    KALAM_TRY(target_.store->PutFile(target_.Path(name_), writer_->path(), cold::LocalFile::kConsume, {}));
    CrashPoint({"backup.file"});
    writer_.reset();
    files_.push_back(std::move(file));
    KALAM_TRY(ReadVerified(target_, files_.back(), {}));
    CrashPoint({"backup.verified"});
    round_.SetProgress({rows_total_, std::nullopt, "rows"});
    return {};
  }

  const BackupTarget& target_;
  const std::string folder_;
  Round& round_;
  int64_t& rows_total_;
  int64_t seen_ = 0;
  std::string name_;
  std::unique_ptr<RowFileWriter> writer_;
  std::vector<BackupFile> files_;
};

class BackupExecutor final : public Executor {
 public:
  explicit BackupExecutor(const JobServices& services) : services_(services) {}

  const ExecutorInfo& info() const override {
    // The snapshot dies with the process, so a backup cannot go on after a restart.
    static constexpr ExecutorInfo kInfo{.type = JobType::kBackup, .restart = RestartRule::kFail};
    return kInfo;
  }

  Status Validate(const Parameters& parameters) const override {
    KALAM_ASSIGN(const std::string path, parameters.Text("path"));
    return CheckTarget(path);
  }
  std::string Lane(const Job&) const override { return {}; }

  Result<RoundOutcome> RunRound(Round& round) const override {
    const int64_t started_ns = services_.clock.MonotonicNanos();
    KALAM_ASSIGN(const std::string path, round.parameters().Text("path"));
    KALAM_ASSIGN(const BackupTarget target, OpenTarget(path, true, services_));
    if (target.store->Head(target.Path(kManifestName))) {
      return Fail(ErrorCode::kAlreadyExists,
                  fmt::format("'{}' already holds a backup; choose another path", path));
    }
    BackupManifest manifest;
    Status written = Write(target, round, manifest);
    if (!written) {
      for (const BackupTable& table : manifest.tables) {
        for (const BackupFile& file : table.files) (void)target.store->Delete(target.Path(file.path), {});
      }
      if (written.error().code == ErrorCode::kCancelled) return RoundOutcome::Interrupted();
      return Fail(std::move(written).error());
    }
    round.metrics().Set("snapshot_size_bytes", manifest.total_bytes());
    round.metrics().Set("backup_path", path);
    round.metrics().Set("rows_backed_up", manifest.total_rows());
    round.metrics().Set("tables_backed_up", static_cast<int64_t>(manifest.tables.size()));
    round.metrics().Set("views_backed_up", static_cast<int64_t>(manifest.views.size()));
    round.metrics().Set("topics_backed_up", static_cast<int64_t>(manifest.topics.size()));
    round.metrics().Set("users_backed_up", static_cast<int64_t>(manifest.users.size()));
    round.metrics().Set("storages_backed_up", static_cast<int64_t>(manifest.storages.size()));
    round.metrics().Set("duration_ms", (services_.clock.MonotonicNanos() - started_ns) / 1'000'000);
    return RoundOutcome::Completed(fmt::format("Backup completed: '{}' ({:.1f} MB)", path,
                                               static_cast<double>(manifest.total_bytes()) / 1e6));
  }

 private:
  // `manifest` names what was put, also after a failure.
  Status Write(const BackupTarget& target, Round& round, BackupManifest& manifest) const {
    const BackupScope scope = ReadScope(round.parameters());
    // Before the snapshot: files that it shows stay until the backup is done.
    const cold::PinPtr pin = services_.cold != nullptr ? services_.cold->Pin() : nullptr;
    const hot::Snapshot snapshot = services_.store.TakeSnapshot();
    manifest.scope = scope.name();
    manifest.ns = scope.ns;
    manifest.table = scope.table;
    manifest.created_at_ms = services_.clock.WallMillis();
    manifest.snapshot_seq = snapshot.seq().value;
    KALAM_TRY(ReadNamespaces(snapshot, scope, manifest));
    KALAM_TRY(ReadObjects(services_, snapshot, scope, manifest));
    KALAM_ASSIGN(const std::vector<catalog::Table> tables, ReadTables(snapshot, scope, manifest));
    if (tables.empty() && !scope.ns.empty() && (manifest.namespaces.empty() || !scope.table.empty())) {
      return Fail(ErrorCode::kNotFound, fmt::format("{} does not exist", scope.Title()));
    }
    CrashPoint({"backup.definitions"});
    int64_t rows_total = 0;
    for (size_t i = 0; i < tables.size(); ++i) {
      TableDump dump(target, fmt::format("tables/{}/{}", tables[i].ns, tables[i].name), round, rows_total);
      const int64_t rows_before = rows_total;
      const Status dumped = DumpTable(tables[i], snapshot, dump);
      manifest.tables[i].files = dump.files();
      KALAM_TRY(dumped);
      manifest.tables[i].rows = rows_total - rows_before;
    }
    if (round.should_stop()) return Fail(Stopped());
    const std::string text = EncodeManifest(manifest);
    CrashPoint({"backup.files"});
    KALAM_TRY(target.store->Put(target.Path(kManifestName), text, {}));
    CrashPoint({"backup.manifest"});
    KALAM_ASSIGN(const std::string back, target.store->Get(target.Path(kManifestName), text.size()));
    if (back != text) return Fail(ErrorCode::kCorruption, "The manifest was not stored as it was written");
    return {};
  }

  Status ReadNamespaces(const hot::Snapshot& snapshot, const BackupScope& scope,
                        BackupManifest& manifest) const {
    auto cursor =
        services_.store.Scan(hot::Space::kMeta, catalog::kNamespacePrefix,
                             hot::PrefixEnd(catalog::kNamespacePrefix), hot::Direction::kForward, &snapshot);
    for (; cursor->Valid(); cursor->Next()) {
      KALAM_ASSIGN(const catalog::Namespace ns, catalog::DecodeNamespace(cursor->value()));
      if (scope.ns.empty() || scope.ns == ns.name) {
        manifest.namespaces.push_back({ns.name, std::string(cursor->value())});
      }
    }
    return cursor->status();
  }

  // Definitions come from the snapshot too: the catalog in memory may be a commit older or younger.
  Result<std::vector<catalog::Table>> ReadTables(const hot::Snapshot& snapshot, const BackupScope& scope,
                                                 BackupManifest& manifest) const {
    std::vector<catalog::Table> tables;
    auto cursor =
        services_.store.Scan(hot::Space::kMeta, catalog::kTablePrefix, hot::PrefixEnd(catalog::kTablePrefix),
                             hot::Direction::kForward, &snapshot);
    for (; cursor->Valid(); cursor->Next()) {
      KALAM_ASSIGN(catalog::TableRecord record, catalog::DecodeTable(cursor->value()));
      if (!scope.Holds(record.table.ns, record.table.name)) continue;
      BackupTable& entry = manifest.tables.emplace_back();
      entry.ns = record.table.ns;
      entry.name = record.table.name;
      entry.record = cursor->value();
      for (uint32_t version = 1; version <= record.last_version; ++version) {
        hot::PinnedBytes bytes;
        KALAM_ASSIGN(const bool found,
                     services_.store.Get(hot::Space::kMeta, catalog::SchemaKey(record.table.id, version),
                                         bytes, &snapshot));
        if (!found) {
          return Fail(ErrorCode::kCorruption, fmt::format("Schema version {} of table {} is missing", version,
                                                          record.table.full_name()));
        }
        entry.schemas.emplace_back(bytes.bytes());
        KALAM_ASSIGN(catalog::SchemaRecord schema, catalog::DecodeSchema(bytes.bytes()));
        record.table.versions.push_back(std::move(schema.schema));
      }
      record.table.codec = std::make_shared<const hot::RowCodec>(record.table.versions);
      tables.push_back(std::move(record.table));
    }
    KALAM_TRY(cursor->status());
    return tables;
  }

  Status DumpTable(const catalog::Table& table, const hot::Snapshot& snapshot, TableDump& dump) const {
    const std::string prefix = hot::SharedPrefix(table.id);
    Seq first;
    if (table.type == TableType::kStream) {
      first = FirstLiving(table.options.ttl_seconds.value_or(0), services_.clock.WallMillis());
    }
    auto cursor = services_.store.Scan(hot::Space::kRows, prefix, hot::PrefixEnd(prefix),
                                       hot::Direction::kForward, &snapshot);
    for (; cursor->Valid(); cursor->Next()) {
      if (hot::RowDeleted(cursor->value()) || hot::RowSeq(cursor->value()) < first) continue;
      KALAM_TRY(dump.Add(cursor->key(), cursor->value()));
    }
    KALAM_TRY(cursor->status());
    if (services_.read_cold) {
      KALAM_TRY(services_.read_cold(
          table, snapshot, [&](std::string_view key, std::string_view row) { return dump.Add(key, row); }));
    }
    return dump.Finish();
  }

  const JobServices& services_;
};

}  // namespace

std::unique_ptr<Executor> MakeBackupExecutor(const JobServices& services) {
  return std::make_unique<BackupExecutor>(services);
}

}  // namespace kalam::jobs
