// BlockChecksums: what every block of a file must be. The byte format is described in docs/cold-format.md.
//
// Purpose: the Parquet reader checks no checksums, so a flipped bit would be a wrong row. The checksums of a
//   file lie in the meta space, in the batch that makes its segment visible. Threads: immutable values.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.h"

namespace kalam::cold {

struct BlockChecksums {
  // Reads verify whole blocks: small ones are cheap to verify, large ones cheap to keep (4 bytes each).
  static constexpr uint32_t kBlockBytes = 64u << 10;

  uint32_t block_bytes = kBlockBytes;
  uint64_t file_bytes = 0;
  std::vector<uint32_t> blocks;  // CRC-32C; the last block may be shorter

  uint64_t BlockBegin(size_t block) const { return uint64_t{block} * block_bytes; }
  uint64_t BlockSize(size_t block) const {
    const uint64_t left = file_bytes - BlockBegin(block);
    return left < block_bytes ? left : block_bytes;
  }
};
using BlockChecksumsPtr = std::shared_ptr<const BlockChecksums>;

inline constexpr std::string_view kBlockChecksumKeys = "cold/blocks/";
std::string BlockChecksumKey(uint64_t segment_id);
// The id in `.../batch-<id>.parquet`.
std::optional<uint64_t> SegmentIdOfPath(std::string_view path);

std::string EncodeBlockChecksums(const BlockChecksums& checksums);
// kCorruption when the lengths do not fit.
Result<BlockChecksums> DecodeBlockChecksums(std::string_view bytes);

// Of a local file. kIo when it cannot be read.
Result<BlockChecksums> ChecksumFile(const std::string& path);

}  // namespace kalam::cold
