#include "hot/failed_write.h"

#include <rocksdb/db.h>
#include <rocksdb/env.h>
#include <rocksdb/transaction_log.h>

#include <cstring>
#include <memory>
#include <string_view>

#include "base/crc32c.h"
#include "observe/log.h"

namespace kalam::hot {
namespace {

// The log's format (RocksDB, "Write Ahead Log File Format"): blocks of 32 KiB, in them fragments: masked
// CRC-32C u32 of type and bytes | length u16 | type u8 | bytes. A record begins with its first sequence u64
// and the number of sequences u32.
constexpr size_t kBlockBytes = 32 << 10;
constexpr size_t kHeaderBytes = 7;
constexpr size_t kRecordHeadBytes = 12;
enum FragmentType : uint8_t { kWhole = 1, kFirst = 2, kMiddle = 3, kLast = 4 };

template <typename Number>
Number Fixed(const char* bytes) {
  Number number = 0;
  std::memcpy(&number, bytes, sizeof(number));  // little-endian, as the machine
  return number;
}

uint32_t Masked(uint32_t crc) { return ((crc >> 15) | (crc << 17)) + 0xA282EAD8; }

// The whole records of a log.
struct WholeLog {
  uint64_t size = 0;      // bytes
  uint64_t sequence = 0;  // at their end
};

// Puts fragments together, one after the other, as far as it needs them.
class LogWalk {
 public:
  explicit LogWalk(uint64_t last_sequence) : last_sequence_(last_sequence) {}

  // A block and where it lies in the file. False: the end is found.
  bool Block(std::string_view block, uint64_t offset) {
    size_t at = 0;
    while (at + kHeaderBytes <= block.size()) {
      const size_t length = Fixed<uint16_t>(block.data() + at + 4);
      if (at + kHeaderBytes + length > block.size()) return false;
      const std::string_view summed = block.substr(at + 6, length + 1);
      if (Fixed<uint32_t>(block.data() + at) != Masked(Crc32c(summed))) return false;
      at += kHeaderBytes + length;
      if (!Fragment(static_cast<uint8_t>(summed[0]), summed.substr(1), offset + at)) return false;
    }
    return true;
  }
  const WholeLog& whole() const { return whole_; }

 private:
  bool Fragment(uint8_t type, std::string_view bytes, uint64_t end) {
    const bool begins = type == kWhole || type == kFirst;
    if (type < kWhole || type > kLast || begins == open_) return false;
    if (begins) head_.clear();
    if (head_.size() < kRecordHeadBytes) head_.append(bytes.substr(0, kRecordHeadBytes - head_.size()));
    open_ = type == kFirst || type == kMiddle;
    if (open_) return true;
    if (head_.size() < kRecordHeadBytes) return false;
    const auto first = Fixed<uint64_t>(head_.data());
    if (first > last_sequence_) return false;
    whole_ = {.size = end, .sequence = first + Fixed<uint32_t>(head_.data() + sizeof(first)) - 1};
    return true;
  }

  const uint64_t last_sequence_;
  bool open_ = false;  // a record has begun and not ended
  std::string head_;   // of the record
  WholeLog whole_;
};

rocksdb::Status CutFile(rocksdb::Env& env, const std::string& path, uint64_t size) {
  std::unique_ptr<rocksdb::WritableFile> file;
  rocksdb::Status status = env.ReopenWritableFile(path, &file, rocksdb::EnvOptions());
  if (status.ok()) status = file->Truncate(size);
  if (status.ok()) status = file->Fsync();
  if (status.ok()) status = file->Close();
  return status;
}

// Up to a sequence. What follows is torn, or begins above it.
rocksdb::Status ReadWholeLog(rocksdb::Env& env, const std::string& path, uint64_t last_sequence,
                             WholeLog& whole) {
  std::unique_ptr<rocksdb::SequentialFile> file;
  rocksdb::Status status = env.NewSequentialFile(path, &file, rocksdb::EnvOptions());
  LogWalk walk(last_sequence);
  std::string buffer(kBlockBytes, '\0');
  for (uint64_t offset = 0; status.ok(); offset += kBlockBytes) {
    rocksdb::Slice block;
    status = file->Read(kBlockBytes, &block, buffer.data());
    if (!status.ok() || !walk.Block({block.data(), block.size()}, offset) || block.size() < kBlockBytes)
      break;
  }
  whole = walk.whole();
  return status;
}

}  // namespace

bool TakeBackWrite(rocksdb::DB& db, rocksdb::Env& env, const std::string& folder, uint64_t position) {
  std::unique_ptr<rocksdb::LogFile> log;
  if (!db.GetCurrentWalFile(&log).ok() || log == nullptr) return false;
  const std::string path = folder + log->PathName();
  WholeLog whole;
  uint64_t size = 0;
  rocksdb::Status taken = ReadWholeLog(env, path, position, whole);
  // Nothing whole: the write was the first of its log.
  if (taken.ok() && whole.size != 0 && whole.sequence != position) return false;
  if (taken.ok()) taken = env.GetFileSize(path, &size);
  if (taken.ok() && whole.size < size) taken = CutFile(env, path, whole.size);
  if (!taken.ok()) observe::LogError("The failed write cannot be taken out of the log: {}", taken.ToString());
  return taken.ok();
}

}  // namespace kalam::hot
