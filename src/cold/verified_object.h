// VerifiedObject: an object whose bytes are checked before anybody sees them.
//
// Threads: thread-safe, as ObjectFile. Errors: kCorruption names the object and the block. Cost: a read takes
//   the blocks that it touches as a whole; a few recent blocks are kept, since readers come back for the next
//   bytes of a block.
#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <mutex>
#include <span>
#include <string>

#include "cold/block_checksums.h"
#include "engine/object_files.h"

namespace kalam::cold {

class VerifiedObject final : public engine::ObjectFile {
 public:
  // `name` is for messages: "Object 'p' of storage 's'".
  static Result<std::unique_ptr<engine::ObjectFile>> Wrap(std::unique_ptr<engine::ObjectFile> file,
                                                          BlockChecksumsPtr checksums, std::string name);

  uint64_t size() const override { return checksums_->file_bytes; }
  bool is_local() const override { return file_->is_local(); }
  Status Read(uint64_t offset, std::span<char> out, const engine::ReadLimits& limits = {}) const override;

 private:
  struct Block {
    size_t index = 0;
    std::string bytes;
  };
  using BlockPtr = std::shared_ptr<const Block>;

  VerifiedObject(std::unique_ptr<engine::ObjectFile> file, BlockChecksumsPtr checksums, std::string name);

  Status Verify(size_t block, std::string_view bytes) const;
  Result<BlockPtr> BlockOf(size_t index, const engine::ReadLimits& limits) const;
  // Whole blocks [first, end) into `out`.
  Status ReadBlocks(size_t first, size_t end, std::span<char> out, const engine::ReadLimits& limits) const;

  const std::unique_ptr<engine::ObjectFile> file_;
  const BlockChecksumsPtr checksums_;
  const std::string name_;
  mutable std::mutex mu_;
  mutable std::array<BlockPtr, 4> recent_;  // guarded by mu_
  mutable size_t next_recent_ = 0;          // guarded by mu_
};

}  // namespace kalam::cold
