// Backup manifest: what a backup holds, as backup.json beside its files. docs/backup-format.md describes it;
// change both together.
//
// It is written last, so a folder without one is no backup. Every file stands in it with size and SHA-256.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.h"
#include "topics/topic_image.h"

namespace kalam::jobs {

inline constexpr std::string_view kManifestName = "backup.json";

struct BackupFile {
  std::string path;  // relative to the backup
  int64_t rows = 0;
  int64_t bytes = 0;
  std::string sha256;  // 64 hexadecimal digits
};

struct BackupTable {
  std::string ns;
  std::string name;
  std::string record;                // the catalog's record of the table
  std::vector<std::string> schemas;  // the catalog's records of all its versions, ascending
  int64_t rows = 0;
  std::vector<BackupFile> files;
};

// A definition as it is stored.
struct BackupRecord {
  std::string name;  // of a view "namespace.view"
  std::string record;
};

struct BackupManifest {
  std::string scope;  // "database", "namespace", "table"
  std::string ns;     // of a namespace or table backup
  std::string table;
  int64_t created_at_ms = 0;
  int64_t snapshot_seq = 0;  // every change up to it is inside, none after it
  std::vector<BackupRecord> namespaces;
  std::vector<BackupTable> tables;
  // Absent in format 1.
  std::vector<BackupRecord> views;
  std::vector<topics::TopicImage> topics;
  std::vector<BackupRecord> storages;  // of a database backup, and users too
  std::vector<BackupRecord> users;

  int64_t total_bytes() const;
  int64_t total_rows() const;
};

std::string EncodeManifest(const BackupManifest& manifest);
// kCorruption naming the member; kUnsupported for another format number.
Result<BackupManifest> DecodeManifest(std::string_view json);

}  // namespace kalam::jobs
