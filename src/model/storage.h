// A storage as the catalog describes it: where files of tables, backups and exports live.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

namespace kalam {

// Stored on disk. Never change a number.
enum class StorageType : uint8_t { kFilesystem = 1, kS3 = 2 };

std::string_view StorageTypeName(StorageType type);  // "filesystem", "s3"

// The storage that every server has; its folder is below the data folder.
inline constexpr std::string_view kLocalStorage = "local";

struct Storage {
  std::string id;  // [A-Za-z0-9_-]+, case counts
  std::string name;
  std::optional<std::string> description;
  StorageType type = StorageType::kFilesystem;
  // An absolute folder, or s3://bucket[/prefix]. Empty for `local`.
  std::string base_directory;
  // Of the paths below it; empty = the server's setting.
  std::string shared_tables_template;
  std::string user_tables_template;
  // JSON objects, or empty. As a statement gives them both may hold secrets; as stored the credentials are
  // sealed (cold/storage/secret_box.h) and the configuration holds none. People see them through MaskSecrets.
  std::string config_json;
  std::string credentials_json;
  int64_t created_at_ms = 0;
  int64_t updated_at_ms = 0;
};
using StoragePtr = std::shared_ptr<const Storage>;

}  // namespace kalam
