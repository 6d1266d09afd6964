// Restore (RS): brings a backup back, or a namespace or a table of it. Rows are staged under table ids that
// nobody knows; one commit then makes all tables visible and drops those that they replace. So a restore that
// fails, or a server that stops half-way, leaves the old state; what was staged is swept.
#include "jobs/backup/restore.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <iterator>
#include <utility>

#include "base/fault_point.h"
#include "catalog/record.h"
#include "hot/key_codec.h"
#include "hot/row_codec.h"
#include "jobs/backup/objects.h"
#include "jobs/backup/row_file.h"
#include "jobs/backup/scope.h"
#include "jobs/backup/transfer.h"
#include "jobs/erasure.h"
#include "jobs/list.h"
#include "observe/log.h"

namespace kalam::jobs {
namespace {

constexpr std::string_view kStagingPrefix = "restore_staging/";
constexpr size_t kManifestBytesMax = 1u << 30;
constexpr size_t kBatchRowsMax = 1'000;
constexpr size_t kBatchBytesMax = 4u << 20;
constexpr size_t kSeqBytes = 8;
constexpr std::string_view kVisible = "visible";  // the cursor of a restore whose commit is done

Error Stopped() { return Error(ErrorCode::kCancelled, "The restore was stopped"); }

Status Unstage(hot::Store& store, const std::vector<TableId>& tables) {
  if (tables.empty()) return {};
  hot::Batch batch;
  for (const TableId table : tables) {
    batch.dropped_hot_rows.push_back(hot::SharedPrefix(table));
    batch.meta.push_back({StagingKey(table), std::nullopt});
  }
  return store.Commit(std::move(batch)).status;
}

// Puts the rows of one table's files under its new id. One use.
class Stage {
 public:
  Stage(hot::Store& store, const catalog::Table& table, Round& round, int64_t& rows)
      : store_(store), table_(table), round_(round), rows_(rows) {}

  Status Add(std::string_view key, std::string_view row) {
    // Decoding finds rows that the schemas of the backup do not describe.
    KALAM_TRY(table_.codec->Open(row));
    hot::RowOp& op = batch_.rows.emplace_back();
    const bool stream = table_.type == TableType::kStream;
    op.kind = stream ? hot::RowOpKind::kAppend : hot::RowOpKind::kInsert;
    op.key = hot::SharedPrefix(table_.id);
    op.key.append(key);
    op.prefix_size = static_cast<uint32_t>(hot::PrefixSize(op.key, table_.has_private_rows()));
    if (op.prefix_size == 0 || (stream && op.key.size() != op.prefix_size + kSeqBytes)) {
      return Fail(ErrorCode::kCorruption,
                  fmt::format("The backup of table {} holds a malformed key", table_.full_name()));
    }
    // Events get the time of their restore, so that their time to live starts anew.
    if (stream) op.key.resize(op.prefix_size);
    op.value = row;
    bytes_ += op.key.size() + op.value.size();
    if (batch_.rows.size() >= kBatchRowsMax || bytes_ >= kBatchBytesMax) return Flush();
    return {};
  }

  Status Flush() {
    if (round_.should_stop()) return Fail(Stopped());
    if (batch_.rows.empty()) return {};
    rows_ += static_cast<int64_t>(batch_.rows.size());
    hot::CommitResult result = store_.Commit(std::exchange(batch_, {}));
    bytes_ = 0;
    if (!result.status && result.status.error().code == ErrorCode::kAlreadyExists) {
      return Fail(ErrorCode::kCorruption,
                  fmt::format("The backup of table {} holds a key twice", table_.full_name()));
    }
    KALAM_TRY(std::move(result.status));
    CrashPoint({"restore.rows"});
    round_.SetProgress({rows_, std::nullopt, "rows"});
    return {};
  }

 private:
  hot::Store& store_;
  const catalog::Table& table_;
  Round& round_;
  int64_t& rows_;
  hot::Batch batch_;
  size_t bytes_ = 0;
};

class RestoreExecutor final : public Executor {
 public:
  explicit RestoreExecutor(const JobServices& services) : services_(services) {}

  const ExecutorInfo& info() const override {
    static constexpr ExecutorInfo kInfo{.type = JobType::kRestore,
                                        .restart = RestartRule::kResumeFromCheckpoint};
    return kInfo;
  }

  Status Validate(const Parameters& parameters) const override {
    KALAM_ASSIGN(const std::string path, parameters.Text("path"));
    KALAM_TRY(parameters.Flag("overwrite"));
    return CheckTarget(path);
  }
  std::string Lane(const Job&) const override { return {}; }

  Result<RoundOutcome> RunRound(Round& round) const override {
    const int64_t started_ns = services_.clock.MonotonicNanos();
    KALAM_ASSIGN(const std::string path, round.parameters().Text("path"));
    // The server stopped between the commit and the word about it.
    if (round.cursor() == kVisible) return Completed(round, path);
    KALAM_ASSIGN(const bool overwrite, round.parameters().Flag("overwrite"));
    KALAM_ASSIGN(const BackupTarget target, OpenTarget(path, false, services_));
    KALAM_ASSIGN(const BackupManifest manifest, ReadManifest(target, path));
    const BackupScope scope = ReadScope(round.parameters());
    KALAM_ASSIGN(std::vector<Incoming> incoming, Select(manifest, scope, overwrite));
    // Before anything is written.
    for (const Incoming& item : incoming) {
      for (const BackupFile& file : item.backup->files) {
        if (round.should_stop()) return RoundOutcome::Interrupted();
        KALAM_TRY(ReadVerified(target, file, {}));
      }
    }
    CrashPoint({"restore.verified"});
    std::vector<TableId> staged;
    int64_t rows = 0;
    Status restored = StageAll(target, round, incoming, staged, rows);
    if (restored) {
      CrashPoint({"restore.staged"});
      round.metrics().Set("rows_restored", rows);
      round.metrics().Set("tables_restored", static_cast<int64_t>(incoming.size()));
      round.metrics().Set("restore_path", path);
      round.metrics().Set("duration_ms", (services_.clock.MonotonicNanos() - started_ns) / 1'000'000);
      restored = MakeVisible(manifest, scope, std::move(incoming), overwrite, round);
    }
    if (!restored) {
      CrashPoint({"restore.failed"});
      KALAM_TRY(Unstage(services_.store, staged));
      CrashPoint({"restore.unstaged"});
      if (restored.error().code == ErrorCode::kCancelled) return RoundOutcome::Interrupted();
      return Fail(std::move(restored).error());
    }
    return Completed(round, path);
  }

 private:
  struct Incoming {
    const BackupTable* backup = nullptr;
    catalog::Table table;
  };

  static RoundOutcome Completed(Round& round, std::string_view path) {
    return RoundOutcome::Completed(fmt::format("Restore completed: '{}' ({} tables, {} rows)", path,
                                               round.metrics().Number("tables_restored"),
                                               round.metrics().Number("rows_restored")));
  }

  static Result<BackupManifest> ReadManifest(const BackupTarget& target, std::string_view path) {
    const auto text = target.store->Get(target.Path(kManifestName), kManifestBytesMax);
    if (!text && text.error().code == ErrorCode::kNotFound) {
      return Fail(ErrorCode::kNotFound,
                  fmt::format("'{}' holds no complete backup: {} is missing", path, kManifestName));
    }
    if (!text) return Fail(text.error());
    return DecodeManifest(*text);
  }

  // Decodes the definitions of the scope and compares them with the tables that are there.
  Result<std::vector<Incoming>> Select(const BackupManifest& manifest, const BackupScope& scope,
                                       bool overwrite) const {
    std::vector<Incoming> incoming;
    const catalog::SnapshotPtr existing = services_.catalog.Snapshot();
    for (const BackupTable& backup : manifest.tables) {
      if (!scope.Holds(backup.ns, backup.name)) continue;
      KALAM_ASSIGN(catalog::TableRecord record, catalog::DecodeTable(backup.record));
      for (const std::string& text : backup.schemas) {
        KALAM_ASSIGN(catalog::SchemaRecord schema, catalog::DecodeSchema(text));
        record.table.versions.push_back(std::move(schema.schema));
      }
      if (record.table.versions.empty() || record.table.ns != backup.ns || record.table.name != backup.name) {
        return Fail(ErrorCode::kCorruption,
                    fmt::format("The backup's definition of table {}.{} is damaged", backup.ns, backup.name));
      }
      record.table.codec = std::make_shared<const hot::RowCodec>(record.table.versions);
      if (const auto table = existing->FindTable(backup.ns, backup.name)) {
        KALAM_TRY(CheckReplaces(*table, record.table, overwrite));
      }
      incoming.push_back({&backup, std::move(record.table)});
    }
    if (!overwrite) KALAM_TRY(CheckViewsAreNew(manifest, scope, *existing));
    const bool found = !incoming.empty() || scope.ns.empty() ||
                       (scope.table.empty() && std::ranges::any_of(manifest.namespaces, [&](const auto& ns) {
                          return ns.name == scope.ns;
                        }));
    if (!found) return Fail(ErrorCode::kNotFound, fmt::format("{} is not in the backup", scope.Title()));
    return incoming;
  }

  static Status CheckViewsAreNew(const BackupManifest& manifest, const BackupScope& scope,
                                 const catalog::CatalogSnapshot& existing) {
    KALAM_ASSIGN(const catalog::CatalogImport content, DecodeObjects(manifest, scope));
    for (const catalog::View& view : content.views) {
      if (existing.FindView(view.ns, view.name) == nullptr) continue;
      return Fail(
          ErrorCode::kAlreadyExists,
          fmt::format("View {} exists; add OVERWRITE to replace it by the backup's", view.full_name()));
    }
    return {};
  }

  static Status CheckReplaces(const catalog::Table& table, const catalog::Table& incoming, bool overwrite) {
    if (!overwrite) {
      return Fail(
          ErrorCode::kAlreadyExists,
          fmt::format("Table {} exists; add OVERWRITE to replace it by the backup's", table.full_name()));
    }
    const auto incompatible = [&](std::string_view why) {
      return Fail(
          ErrorCode::kInvalidOperation,
          fmt::format("Table {} of the backup is incompatible with the existing one: {}. Drop that first",
                      table.full_name(), why));
    };
    if (table.type != incoming.type) return incompatible("it has another type");
    const auto key = table.schema().primary_key();
    const auto other = incoming.schema().primary_key();
    if (key.has_value() != other.has_value()) return incompatible("it has another primary key");
    if (key) {
      const Column& a = table.schema().columns[*key];
      const Column& b = incoming.schema().columns[*other];
      if (a.name != b.name || !(a.type == b.type)) return incompatible("it has another primary key");
    }
    return {};
  }

  Status StageAll(const BackupTarget& target, Round& round, std::vector<Incoming>& incoming,
                  std::vector<TableId>& staged, int64_t& rows) const {
    for (Incoming& item : incoming) {
      KALAM_ASSIGN(item.table.id, services_.catalog.ReserveTableId([](TableId id) {
        return hot::MetaOp{StagingKey(id), std::string("1")};
      }));
      staged.push_back(item.table.id);
      CrashPoint({"restore.reserved"});
      const int64_t rows_before = rows;
      Stage stage(services_.store, item.table, round, rows);
      for (const BackupFile& file : item.backup->files) {
        RowFileParser parser;
        const auto take = [&](std::string_view bytes) -> Status {
          parser.Feed(bytes);
          while (true) {
            KALAM_ASSIGN(const auto row, parser.Next());
            if (!row) return {};
            KALAM_TRY(stage.Add(row->key, row->row));
          }
        };
        KALAM_TRY(ReadVerified(target, file, take));
        if (!parser.AtRowEnd()) {
          return Fail(ErrorCode::kCorruption,
                      fmt::format("File '{}' of the backup ends within a row", file.path));
        }
      }
      KALAM_TRY(stage.Flush());
      if (rows - rows_before != item.backup->rows) {
        return Fail(ErrorCode::kCorruption,
                    fmt::format("The backup of table {} has {} rows, the manifest says {}",
                                item.table.full_name(), rows - rows_before, item.backup->rows));
      }
    }
    return {};
  }

  Status MakeVisible(const BackupManifest& manifest, const BackupScope& scope, std::vector<Incoming> incoming,
                     bool overwrite, Round& round) const {
    KALAM_ASSIGN(catalog::CatalogImport content, DecodeObjects(manifest, scope));
    std::vector<hot::MetaOp> unstage;
    for (Incoming& item : incoming) {
      unstage.push_back({StagingKey(item.table.id), std::nullopt});
      content.tables.push_back(std::move(item.table));
    }
    round.metrics().Set("views_restored", static_cast<int64_t>(content.views.size()));
    std::vector<catalog::TablePtr> replaced;
    const auto commit = [&](std::vector<hot::MetaOp> also, const std::function<void()>& committed) -> Status {
      std::ranges::move(unstage, std::back_inserter(also));
      also.push_back(round.CheckpointOp(std::string(kVisible)));
      CrashPoint({"restore.objects"});
      const auto durable = [&] {
        CrashPoint({"restore.durable"});
        committed();
        CrashPoint({"restore.shown"});
      };
      KALAM_ASSIGN(replaced,
                   services_.catalog.Import(std::move(content), overwrite, std::move(also), durable));
      return {};
    };
    KALAM_TRY(ImportObjects(services_, manifest, scope, round, commit));
    CrashPoint({"restore.visible"});
    round.Checkpointed(std::string(kVisible));
    // The restore has happened; what cannot be cleaned up now is only space.
    for (const catalog::TablePtr& table : replaced) {
      const Status created =
          services_.create_job ? services_.create_job(CleanupRequest(*table, {})) : Status();
      if (!created) {
        observe::LogWarn("[{}] WARN - No cleanup job for the replaced table {}: {}", round.job().id,
                         table->full_name(), created.error().message);
      }
      CrashPoint({"restore.cleanup"});
    }
    return {};
  }

  const JobServices& services_;
};

}  // namespace

std::string StagingKey(TableId table) { return fmt::format("{}{:08x}", kStagingPrefix, table.value); }

Status SweepRestores(hot::Store& store) {
  std::vector<TableId> staged;
  auto cursor = store.Scan(hot::Space::kMeta, kStagingPrefix, hot::PrefixEnd(kStagingPrefix));
  for (; cursor->Valid(); cursor->Next()) {
    const std::string_view hex = cursor->key().substr(kStagingPrefix.size());
    uint32_t id = 0;
    const auto [end, error] = std::from_chars(hex.data(), hex.data() + hex.size(), id, 16);
    if (error != std::errc() || end != hex.data() + hex.size()) {
      return Fail(ErrorCode::kCorruption, fmt::format("Key '{}' is malformed", cursor->key()));
    }
    staged.push_back(TableId(id));
  }
  KALAM_TRY(cursor->status());
  CrashPoint({"restore.sweep"});
  return Unstage(store, staged);
}

std::unique_ptr<Executor> MakeRestoreExecutor(const JobServices& services) {
  return std::make_unique<RestoreExecutor>(services);
}

}  // namespace kalam::jobs
