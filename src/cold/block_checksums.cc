#include "cold/block_checksums.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <unistd.h>

#include <cerrno>
#include <charconv>
#include <system_error>

#include "base/crc32c.h"

namespace kalam::cold {
namespace {

constexpr char kFormat = 1;
constexpr size_t kHeadBytes = 1 + 4 + 8;

template <typename T>
void AppendLittle(T value, std::string& out) {
  for (size_t i = 0; i < sizeof(T); ++i) out.push_back(static_cast<char>(value >> (8 * i)));
}

template <typename T>
T ReadLittle(std::string_view bytes, size_t at) {
  T value = 0;
  for (size_t i = 0; i < sizeof(T); ++i) {
    value |= static_cast<T>(static_cast<T>(static_cast<unsigned char>(bytes[at + i])) << (8 * i));
  }
  return value;
}

std::unexpected<Error> Corrupt(std::string_view what) {
  return Fail(ErrorCode::kCorruption, fmt::format("block checksums: {}", what));
}

}  // namespace

std::string BlockChecksumKey(uint64_t segment_id) {
  return fmt::format("{}{:020}", kBlockChecksumKeys, segment_id);
}

std::optional<uint64_t> SegmentIdOfPath(std::string_view path) {
  constexpr std::string_view kBefore = "batch-", kAfter = ".parquet";
  const size_t slash = path.rfind('/');
  std::string_view name = slash == std::string_view::npos ? path : path.substr(slash + 1);
  if (!name.starts_with(kBefore) || !name.ends_with(kAfter)) return std::nullopt;
  name.remove_prefix(kBefore.size());
  name.remove_suffix(kAfter.size());
  uint64_t id = 0;
  const auto [end, failed] = std::from_chars(name.data(), name.data() + name.size(), id);
  if (name.empty() || failed != std::errc() || end != name.data() + name.size()) return std::nullopt;
  return id;
}

std::string EncodeBlockChecksums(const BlockChecksums& checksums) {
  std::string bytes;
  bytes.reserve(kHeadBytes + 4 * checksums.blocks.size());
  bytes.push_back(kFormat);
  AppendLittle(checksums.block_bytes, bytes);
  AppendLittle(checksums.file_bytes, bytes);
  for (const uint32_t crc : checksums.blocks) AppendLittle(crc, bytes);
  return bytes;
}

Result<BlockChecksums> DecodeBlockChecksums(std::string_view bytes) {
  if (bytes.size() < kHeadBytes) return Corrupt("too short");
  if (bytes[0] != kFormat) return Corrupt("another format");
  BlockChecksums checksums;
  checksums.block_bytes = ReadLittle<uint32_t>(bytes, 1);
  checksums.file_bytes = ReadLittle<uint64_t>(bytes, 5);
  bytes.remove_prefix(kHeadBytes);
  if (checksums.block_bytes == 0 || bytes.size() % 4 != 0) return Corrupt("malformed");
  const uint64_t expected = checksums.file_bytes / checksums.block_bytes +
                            (checksums.file_bytes % checksums.block_bytes != 0 ? 1 : 0);
  if (bytes.size() / 4 != expected) return Corrupt("not one for each block");
  checksums.blocks.reserve(bytes.size() / 4);
  for (size_t at = 0; at < bytes.size(); at += 4) checksums.blocks.push_back(ReadLittle<uint32_t>(bytes, at));
  return checksums;
}

Result<BlockChecksums> ChecksumFile(const std::string& path) {
  BlockChecksums checksums;
  const int fd = ::open(path.c_str(), O_RDONLY | O_CLOEXEC);
  int failed = fd < 0 ? errno : 0;
  std::string block(checksums.block_bytes, '\0');
  while (failed == 0) {
    size_t filled = 0;
    while (filled < block.size()) {
      const ssize_t n = ::read(fd, block.data() + filled, block.size() - filled);
      if (n < 0 && errno == EINTR) continue;
      if (n < 0) failed = errno;
      if (n <= 0) break;
      filled += static_cast<size_t>(n);
    }
    if (filled == 0 || failed != 0) break;
    checksums.blocks.push_back(Crc32c(std::string_view(block).substr(0, filled)));
    checksums.file_bytes += filled;
  }
  if (fd >= 0) ::close(fd);
  if (failed == 0) return checksums;
  return Fail(ErrorCode::kIo,
              fmt::format("Cannot read '{}': {}", path, std::generic_category().message(failed)));
}

}  // namespace kalam::cold
