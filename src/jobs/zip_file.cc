#include "jobs/zip_file.h"

#include <fmt/format.h>
#include <unistd.h>
#include <zlib.h>

#include <array>
#include <cerrno>
#include <cstdio>
#include <cstring>
#include <utility>
#include <vector>

namespace kalam::jobs {
namespace {

constexpr uint64_t kBytesMax = 0xFFFF'FFFF;
constexpr size_t kEntriesMax = 0xFFFF;
constexpr uint32_t kLocalHeader = 0x04034b50;
constexpr uint32_t kDirectoryEntry = 0x02014b50;
constexpr uint32_t kDirectoryEnd = 0x06054b50;
constexpr uint16_t kVersion = 20;  // deflate
constexpr uint16_t kUtf8Names = 1 << 11;
constexpr uint16_t kDeflated = 8;
constexpr uint16_t kDate = (1 << 5) | 1;  // 1980-01-01: the same rows make the same file
constexpr long kSizesOffset = 14;         // of crc and sizes in a local header

void Put16(uint16_t n, std::string& out) {
  out += static_cast<char>(n & 0xFF);
  out += static_cast<char>(n >> 8);
}
void Put32(uint32_t n, std::string& out) {
  Put16(static_cast<uint16_t>(n & 0xFFFF), out);
  Put16(static_cast<uint16_t>(n >> 16), out);
}

struct Entry {
  std::string name;
  uint32_t offset = 0;
  uint32_t crc = 0;
  uint64_t packed = 0;
  uint64_t size = 0;
};

}  // namespace

struct ZipFile::State {
  std::string path;
  std::FILE* file = nullptr;
  uint64_t bytes = 0;
  std::vector<Entry> entries;
  z_stream deflater{};
  bool deflating = false;

  Status Failed(std::string_view action) const {
    return Fail(ErrorCode::kIo, fmt::format("Cannot {} '{}': {}", action, path, std::strerror(errno)));
  }
  Status Append(std::string_view data) {
    if (bytes + data.size() > kBytesMax) {
      return Fail(ErrorCode::kLimitExceeded, "The export is larger than 4 GiB, which a zip file can hold");
    }
    if (std::fwrite(data.data(), 1, data.size(), file) != data.size()) return Failed("write");
    bytes += data.size();
    return {};
  }
  // Runs the deflater over its input; `finish` ends the entry.
  Status Pump(int flush) {
    std::array<char, 1 << 16> out{};
    do {
      deflater.next_out = reinterpret_cast<Bytef*>(out.data());
      deflater.avail_out = static_cast<uInt>(out.size());
      deflate(&deflater, flush);
      const size_t produced = out.size() - deflater.avail_out;
      entries.back().packed += produced;
      KALAM_TRY(Append({out.data(), produced}));
    } while (deflater.avail_out == 0);
    return {};
  }
};

ZipFile::ZipFile(std::unique_ptr<State> state) : state_(std::move(state)) {}

ZipFile::~ZipFile() {
  if (state_->deflating) deflateEnd(&state_->deflater);
  if (state_->file != nullptr) std::fclose(state_->file);
}

Result<std::unique_ptr<ZipFile>> ZipFile::Create(std::string path) {
  auto state = std::make_unique<State>();
  state->path = std::move(path);
  state->file = std::fopen(state->path.c_str(), "wb+");
  if (state->file == nullptr) {
    KALAM_TRY(state->Failed("create"));
  }
  return std::unique_ptr<ZipFile>(new ZipFile(std::move(state)));
}

Status ZipFile::BeginEntry(std::string name) {
  State& s = *state_;
  if (s.entries.size() >= kEntriesMax)
    return Fail(ErrorCode::kLimitExceeded, "A zip file holds 65535 entries");
  Entry& entry = s.entries.emplace_back();
  entry.name = std::move(name);
  entry.offset = static_cast<uint32_t>(s.bytes);
  std::string header;
  Put32(kLocalHeader, header);
  Put16(kVersion, header);
  Put16(kUtf8Names, header);
  Put16(kDeflated, header);
  Put16(0, header);
  Put16(kDate, header);
  for (int i = 0; i < 3; ++i) Put32(0, header);  // crc and sizes: EndEntry
  Put16(static_cast<uint16_t>(entry.name.size()), header);
  Put16(0, header);
  header += entry.name;
  KALAM_TRY(s.Append(header));
  s.deflater = {};
  // Raw deflate: no header of its own.
  if (deflateInit2(&s.deflater, 6, Z_DEFLATED, -MAX_WBITS, 8, Z_DEFAULT_STRATEGY) != Z_OK) {
    return Fail(ErrorCode::kInternal, "deflate cannot start");
  }
  s.deflating = true;
  return {};
}

Status ZipFile::Write(std::string_view bytes) {
  State& s = *state_;
  Entry& entry = s.entries.back();
  const auto* data = reinterpret_cast<const Bytef*>(bytes.data());
  entry.crc = static_cast<uint32_t>(crc32(entry.crc, data, static_cast<uInt>(bytes.size())));
  entry.size += bytes.size();
  if (entry.size > kBytesMax) {
    return Fail(ErrorCode::kLimitExceeded,
                fmt::format("'{}' is larger than 4 GiB, which a zip file can hold", entry.name));
  }
  s.deflater.next_in = const_cast<Bytef*>(data);
  s.deflater.avail_in = static_cast<uInt>(bytes.size());
  return s.Pump(Z_NO_FLUSH);
}

Status ZipFile::EndEntry() {
  State& s = *state_;
  s.deflater.next_in = nullptr;
  s.deflater.avail_in = 0;
  KALAM_TRY(s.Pump(Z_FINISH));
  deflateEnd(&s.deflater);
  s.deflating = false;
  const Entry& entry = s.entries.back();
  std::string sizes;
  Put32(entry.crc, sizes);
  Put32(static_cast<uint32_t>(entry.packed), sizes);
  Put32(static_cast<uint32_t>(entry.size), sizes);
  const bool patched = std::fseek(s.file, static_cast<long>(entry.offset) + kSizesOffset, SEEK_SET) == 0 &&
                       std::fwrite(sizes.data(), 1, sizes.size(), s.file) == sizes.size() &&
                       std::fseek(s.file, 0, SEEK_END) == 0;
  return patched ? Status() : s.Failed("write");
}

Status ZipFile::Finish() {
  State& s = *state_;
  const uint64_t begin = s.bytes;
  for (const Entry& entry : s.entries) {
    std::string record;
    Put32(kDirectoryEntry, record);
    Put16(kVersion, record);
    Put16(kVersion, record);
    Put16(kUtf8Names, record);
    Put16(kDeflated, record);
    Put16(0, record);
    Put16(kDate, record);
    Put32(entry.crc, record);
    Put32(static_cast<uint32_t>(entry.packed), record);
    Put32(static_cast<uint32_t>(entry.size), record);
    Put16(static_cast<uint16_t>(entry.name.size()), record);
    for (int i = 0; i < 4; ++i) Put16(0, record);  // extra, comment, disk, internal attributes
    Put32(0, record);
    Put32(entry.offset, record);
    record += entry.name;
    KALAM_TRY(s.Append(record));
  }
  std::string end;
  Put32(kDirectoryEnd, end);
  Put32(0, end);
  Put16(static_cast<uint16_t>(s.entries.size()), end);
  Put16(static_cast<uint16_t>(s.entries.size()), end);
  Put32(static_cast<uint32_t>(s.bytes - begin), end);
  Put32(static_cast<uint32_t>(begin), end);
  Put16(0, end);
  KALAM_TRY(s.Append(end));
  if (std::fflush(s.file) != 0 || fsync(fileno(s.file)) != 0) return s.Failed("write");
  std::FILE* file = std::exchange(s.file, nullptr);
  return std::fclose(file) == 0 ? Status() : s.Failed("write");
}

uint64_t ZipFile::bytes() const { return state_->bytes; }

}  // namespace kalam::jobs
