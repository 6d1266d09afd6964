#include "jobs/backup/transfer.h"

#include <fmt/format.h>

#include <algorithm>
#include <vector>

#include "jobs/backup/row_file.h"

namespace kalam::jobs {
namespace {

constexpr size_t kPieceBytes = 1 << 20;

}  // namespace

Status ReadVerified(const BackupTarget& target, const BackupFile& file,
                    const std::function<Status(std::string_view)>& use) {
  const std::string path = target.Path(file.path);
  KALAM_ASSIGN(const cold::ObjectInfo info, target.store->Head(path));
  const auto damaged = [&](std::string_view what) {
    return Fail(ErrorCode::kCorruption,
                fmt::format("File '{}' of the backup is damaged: {}", file.path, what));
  };
  if (static_cast<int64_t>(info.size) != file.bytes) {
    return damaged(fmt::format("it has {} bytes, the manifest says {}", info.size, file.bytes));
  }
  Sha256 hash;
  std::vector<char> piece(std::min<size_t>(kPieceBytes, info.size));
  for (uint64_t offset = 0; offset < info.size; offset += piece.size()) {
    piece.resize(std::min<uint64_t>(piece.size(), info.size - offset));
    KALAM_TRY(target.store->GetRange(path, offset, piece, {}));
    const std::string_view bytes(piece.data(), piece.size());
    hash.Add(bytes);
    if (use) KALAM_TRY(use(bytes));
  }
  if (hash.Hex() != file.sha256) return damaged("its SHA-256 is not the one of the manifest");
  return {};
}

}  // namespace kalam::jobs
