#include "jobs/backup/target.h"

#include <fmt/format.h>

#include <filesystem>

#include "cold/storage/file_object_store.h"

namespace kalam::jobs {
namespace {

constexpr std::string_view kStorageScheme = "storage://";
// Without the slash in front.
constexpr std::string_view kSensitive[] = {"etc/", "root/", "var/log/", "proc/", "sys/", "dev/"};

}  // namespace

Status CheckTarget(std::string_view target) {
  const auto refuse = [](std::string why) { return Fail(ErrorCode::kInvalidInput, std::move(why)); };
  if (target.empty()) return refuse("Backup path must not be empty");
  if (target.find("..") != std::string_view::npos || target.find('\0') != std::string_view::npos) {
    return refuse("Backup path must not contain '..' or NUL");
  }
  if (target.starts_with(kStorageScheme)) {
    const std::string_view rest = target.substr(kStorageScheme.size());
    if (rest.empty() || rest.starts_with('/'))
      return refuse("Backup path must be 'storage://<storage id>/<path>'");
    return {};
  }
  if (!target.starts_with('/')) {
    return refuse(
        fmt::format("Backup path '{}' must be absolute or 'storage://<storage id>/<path>'", target));
  }
  // Without doubled slashes, which would hide where it leads.
  const std::string folder = (std::filesystem::path(target) / "").lexically_normal().relative_path().string();
  for (const std::string_view sensitive : kSensitive) {
    if (folder.starts_with(sensitive)) {
      return refuse(fmt::format("Backup path cannot write to sensitive directory: /{}", sensitive));
    }
  }
  return {};
}

Result<BackupTarget> OpenTarget(std::string_view target, bool create, const JobServices& services) {
  KALAM_TRY(CheckTarget(target));
  if (target.starts_with(kStorageScheme)) {
    const std::string_view rest = target.substr(kStorageScheme.size());
    const size_t slash = rest.find('/');
    const std::string_view id = rest.substr(0, slash);
    if (!services.store_of) {
      return Fail(Error(ErrorCode::kUnsupported, "Backups in storages are not supported yet")
                      .With("feature", std::string("storage:// backups")));
    }
    BackupTarget opened;
    KALAM_ASSIGN(opened.store, services.store_of(id));
    if (slash != std::string_view::npos) opened.prefix = rest.substr(slash + 1);
    if (!opened.prefix.empty() && !opened.prefix.ends_with('/')) opened.prefix += '/';
    return opened;
  }
  std::error_code error;
  if (!create && !std::filesystem::is_directory(target, error)) {
    return Fail(ErrorCode::kNotFound, fmt::format("Backup directory '{}' not found", target));
  }
  BackupTarget opened;
  KALAM_ASSIGN(opened.store,
               cold::FileObjectStore::Open("backup", std::string(target), "backup", services.clock));
  return opened;
}

}  // namespace kalam::jobs
