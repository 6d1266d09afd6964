#include "cold/verified_object.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstring>
#include <utility>

#include "base/crc32c.h"

namespace kalam::cold {
namespace {

// Up to here a read across blocks goes through a buffer; larger ones go straight to where they are wanted.
constexpr uint64_t kBufferedBytes = 256u << 10;

}  // namespace

VerifiedObject::VerifiedObject(std::unique_ptr<engine::ObjectFile> file, BlockChecksumsPtr checksums,
                               std::string name)
    : file_(std::move(file)), checksums_(std::move(checksums)), name_(std::move(name)) {}

Result<std::unique_ptr<engine::ObjectFile>> VerifiedObject::Wrap(std::unique_ptr<engine::ObjectFile> file,
                                                                 BlockChecksumsPtr checksums,
                                                                 std::string name) {
  if (file->size() != checksums->file_bytes) {
    return Fail(ErrorCode::kCorruption,
                fmt::format("{} is damaged: it has {} bytes, {} were written. Restore it from a backup", name,
                            file->size(), checksums->file_bytes));
  }
  return std::unique_ptr<engine::ObjectFile>(
      new VerifiedObject(std::move(file), std::move(checksums), std::move(name)));
}

Status VerifiedObject::Verify(size_t block, std::string_view bytes) const {
  if (Crc32c(bytes) == checksums_->blocks[block]) return {};
  return Fail(ErrorCode::kCorruption,
              fmt::format("{} is damaged: bytes {} to {} are not what was written. Restore it from a backup",
                          name_, checksums_->BlockBegin(block),
                          checksums_->BlockBegin(block) + checksums_->BlockSize(block)));
}

Result<VerifiedObject::BlockPtr> VerifiedObject::BlockOf(size_t index,
                                                         const engine::ReadLimits& limits) const {
  {
    std::lock_guard lock(mu_);
    for (const BlockPtr& block : recent_) {
      if (block != nullptr && block->index == index) return block;
    }
  }
  auto block = std::make_shared<Block>();
  block->index = index;
  block->bytes.resize(checksums_->BlockSize(index));
  KALAM_TRY(file_->Read(checksums_->BlockBegin(index), block->bytes, limits));
  KALAM_TRY(Verify(index, block->bytes));
  std::lock_guard lock(mu_);
  recent_[next_recent_++ % recent_.size()] = block;
  return block;
}

Status VerifiedObject::ReadBlocks(size_t first, size_t end, std::span<char> out,
                                  const engine::ReadLimits& limits) const {
  KALAM_TRY(file_->Read(checksums_->BlockBegin(first), out, limits));
  size_t done = 0;
  for (size_t block = first; block < end; ++block) {
    const uint64_t bytes = checksums_->BlockSize(block);
    KALAM_TRY(Verify(block, {out.data() + done, bytes}));
    done += bytes;
  }
  return {};
}

Status VerifiedObject::Read(uint64_t offset, std::span<char> out, const engine::ReadLimits& limits) const {
  if (out.empty()) return {};
  if (offset > size() || out.size() > size() - offset) {
    return Fail(ErrorCode::kCorruption, fmt::format("{} ends at byte {}, more was expected", name_, size()));
  }
  const uint64_t end = offset + out.size();
  const auto first = static_cast<size_t>(offset / checksums_->block_bytes);
  const auto last = static_cast<size_t>((end - 1) / checksums_->block_bytes);
  if (first == last) {
    KALAM_ASSIGN(const BlockPtr block, BlockOf(first, limits));
    std::memcpy(out.data(), block->bytes.data() + (offset - checksums_->BlockBegin(first)), out.size());
    return {};
  }
  const uint64_t begin_bytes = checksums_->BlockBegin(first);
  const uint64_t all_bytes = checksums_->BlockBegin(last) + checksums_->BlockSize(last) - begin_bytes;
  if (all_bytes == out.size()) return ReadBlocks(first, last + 1, out, limits);
  // One request to a remote store costs more than the bytes around the wanted ones.
  if (!is_local() || all_bytes <= kBufferedBytes) {
    std::string buffer(all_bytes, '\0');
    KALAM_TRY(ReadBlocks(first, last + 1, buffer, limits));
    std::memcpy(out.data(), buffer.data() + (offset - begin_bytes), out.size());
    return {};
  }
  const uint64_t head = checksums_->BlockBegin(first + 1) - offset;
  const uint64_t tail = end - checksums_->BlockBegin(last);
  KALAM_TRY(Read(offset, out.first(head), limits));
  KALAM_TRY(ReadBlocks(first + 1, last, out.subspan(head, out.size() - head - tail), limits));
  return Read(checksums_->BlockBegin(last), out.last(tail), limits);
}

}  // namespace kalam::cold
