#include "wire/live_body.h"

#include <libdeflate.h>
#include <zlib.h>

#include <array>

#include "wire/json_text.h"
#include "wire/message_pack.h"

namespace kalam::wire {
namespace {

constexpr int kFastLevel = 1;
constexpr size_t kGzipHeadBytes = 10;
constexpr size_t kStoredBlockBytes = 5;  // before the stored bytes
constexpr size_t kStoredBytesMax = 65'535;

struct CompressorFree {
  void operator()(libdeflate_compressor* compressor) const { libdeflate_free_compressor(compressor); }
};
struct DecompressorFree {
  void operator()(libdeflate_decompressor* decompressor) const { libdeflate_free_decompressor(decompressor); }
};

// One per thread that needs it: a compressor holds about 64 KiB.
libdeflate_compressor& ThisThreadsCompressor() {
  thread_local std::unique_ptr<libdeflate_compressor, CompressorFree> compressor(
      libdeflate_alloc_compressor(kFastLevel));
  return *compressor;
}
libdeflate_decompressor& ThisThreadsDecompressor() {
  thread_local std::unique_ptr<libdeflate_decompressor, DecompressorFree> decompressor(
      libdeflate_alloc_decompressor());
  return *decompressor;
}

void AppendLittleEndian(uint32_t number, int bytes, std::string& out) {
  for (int i = 0; i < bytes; ++i) out.push_back(static_cast<char>(number >> (8 * i)));
}

uint32_t Crc(uint32_t crc, std::string_view bytes) {
  return libdeflate_crc32(crc, bytes.data(), bytes.size());
}

}  // namespace

LiveId::LiveId(std::string_view id) : text(id) {
  AppendJsonString(id, json);
  AppendPackString(id, packed);
}

const LiveBody::Deflated* LiveBody::deflated(size_t id_size) const {
  if (compress_ == Compress::kNever || size(id_size) < kLiveCompressBytesMin) return nullptr;
  std::call_once(deflate_once_, [this] {
    // Not larger than this, or it is not worth it for any receiver.
    std::string bytes(tail_.size(), '\0');
    const size_t size = libdeflate_deflate_compress(&ThisThreadsCompressor(), tail_.data(), tail_.size(),
                                                    bytes.data(), bytes.size());
    if (size == 0) return;
    bytes.resize(size);
    bytes.shrink_to_fit();
    deflated_.bytes = std::move(bytes);
    deflated_.crc = Crc(0, tail_);
    deflated_.crc_shift = static_cast<uint32_t>(crc32_combine_gen(static_cast<z_off_t>(tail_.size())));
  });
  const bool worth = !deflated_.bytes.empty() && head_.size() + id_size <= kStoredBytesMax &&
                     GzipSize(*this, id_size) < size(id_size);
  return worth ? &deflated_ : nullptr;
}

size_t GzipSize(const LiveBody& body, size_t id_size) {
  return kGzipHeadBytes + kStoredBlockBytes + body.head().size() + id_size + body.deflated_.bytes.size() +
         kGzipTrailerBytes;
}

// RFC 1952 section 2.3, RFC 1951 section 3.2.4.
void AppendGzipLead(const LiveBody& body, std::string_view encoded_id, std::string& out) {
  constexpr std::array<char, kGzipHeadBytes> kHead = {0x1f, static_cast<char>(0x8b), 8, 0, 0, 0, 0, 0, 4, 3};
  out.append(kHead.data(), kHead.size());
  const auto stored = static_cast<uint32_t>(body.head().size() + encoded_id.size());
  out.push_back(0);  // stored, not the last block
  AppendLittleEndian(stored, 2, out);
  AppendLittleEndian(~stored, 2, out);
  out.append(body.head()).append(encoded_id);
}

void AppendGzipTrailer(const LiveBody& body, std::string_view encoded_id, std::string& out) {
  const uint32_t lead = Crc(Crc(0, body.head()), encoded_id);
  const uLong crc = crc32_combine_op(lead, body.deflated_.crc, body.deflated_.crc_shift);
  AppendLittleEndian(static_cast<uint32_t>(crc), 4, out);
  AppendLittleEndian(static_cast<uint32_t>(body.size(encoded_id.size())), 4, out);
}

bool Gunzip(std::string_view gzip, size_t bytes_max, std::string& out) {
  // The size that the member claims (modulo 2^32) is a hint that is checked by decompressing.
  if (gzip.size() < kGzipHeadBytes + kGzipTrailerBytes) return false;
  uint32_t claimed = 0;
  for (size_t i = 0; i < 4; ++i)
    claimed |= static_cast<uint32_t>(static_cast<uint8_t>(gzip[gzip.size() - 4 + i])) << (8 * i);
  if (claimed > bytes_max) return false;
  out.resize(claimed);
  size_t used = 0;
  size_t size = 0;
  const auto result = libdeflate_gzip_decompress_ex(&ThisThreadsDecompressor(), gzip.data(), gzip.size(),
                                                    out.data(), out.size(), &used, &size);
  if (result != LIBDEFLATE_SUCCESS || used != gzip.size()) return false;
  out.resize(size);
  return true;
}

}  // namespace kalam::wire
