#include "cold/verified_object.h"

#include <gtest/gtest.h>

#include <fstream>
#include <random>

#include "base/crc32c.h"
#include "cold/storage/store_for_test.h"

namespace kalam::cold {
namespace {

class MemoryFile final : public engine::ObjectFile {
 public:
  MemoryFile(std::string bytes, bool local) : bytes_(std::move(bytes)), local_(local) {}
  uint64_t size() const override { return bytes_.size(); }
  bool is_local() const override { return local_; }
  Status Read(uint64_t offset, std::span<char> out, const engine::ReadLimits&) const override {
    std::copy_n(bytes_.begin() + static_cast<std::ptrdiff_t>(offset), out.size(), out.begin());
    return {};
  }

 private:
  const std::string bytes_;
  const bool local_;
};

std::string RandomBytes(size_t size, unsigned seed) {
  std::minstd_rand random(seed);
  std::string bytes(size, '\0');
  for (char& c : bytes) c = static_cast<char>(random());
  return bytes;
}

BlockChecksumsPtr ChecksumsOf(const std::string& bytes) {
  const TempFolder folder;
  std::ofstream(folder.path() + "/f", std::ios::binary) << bytes;
  return std::make_shared<const BlockChecksums>(ChecksumFile(folder.path() + "/f").value());
}

Result<std::unique_ptr<engine::ObjectFile>> Open(const std::string& bytes, BlockChecksumsPtr checksums,
                                                 bool local) {
  return VerifiedObject::Wrap(std::make_unique<MemoryFile>(bytes, local), std::move(checksums), "Object 'x'");
}

TEST(Crc32c, KnownValuesAndEveryLength) {
  EXPECT_EQ(Crc32c(""), 0u);
  EXPECT_EQ(Crc32c("123456789"), 0xE3069283u);
  EXPECT_EQ(Crc32c(std::string(32, '\0')), 0x8A9136AAu);
  // Bit by bit, as the definition says.
  const std::string bytes = RandomBytes(100, 1);
  for (size_t size = 0; size <= bytes.size(); ++size) {
    uint32_t crc = ~0u;
    for (size_t i = 0; i < size; ++i) {
      crc ^= static_cast<unsigned char>(bytes[i]);
      for (int bit = 0; bit < 8; ++bit) crc = (crc >> 1) ^ ((crc & 1) != 0 ? 0x82F63B78u : 0u);
    }
    EXPECT_EQ(Crc32c(std::string_view(bytes).substr(0, size)), ~crc) << size;
  }
}

TEST(BlockChecksums, RoundTripAndNonsense) {
  for (const size_t size : {size_t{0}, size_t{1}, size_t{65'536}, size_t{65'537}, size_t{300'000}}) {
    const auto checksums = ChecksumsOf(RandomBytes(size, 2));
    EXPECT_EQ(checksums->file_bytes, size);
    const std::string bytes = EncodeBlockChecksums(*checksums);
    const auto decoded = DecodeBlockChecksums(bytes);
    ASSERT_TRUE(decoded);
    EXPECT_EQ(decoded->blocks, checksums->blocks);
    EXPECT_EQ(decoded->file_bytes, size);
    for (size_t cut = 0; cut < bytes.size(); ++cut) EXPECT_FALSE(DecodeBlockChecksums(bytes.substr(0, cut)));
    EXPECT_FALSE(DecodeBlockChecksums(bytes + "xxxx"));
  }
}

TEST(BlockChecksums, IdsOfPaths) {
  EXPECT_EQ(SegmentIdOfPath("app/t/batch-17.parquet"), 17u);
  EXPECT_EQ(SegmentIdOfPath("batch-0.parquet"), 0u);
  for (const char* path : {"app/t/manifest.json", "batch-.parquet", "batch-1x.parquet", "xbatch-1.parquet",
                           "batch-1.parquet/x", "batch-99999999999999999999.parquet"}) {
    EXPECT_EQ(SegmentIdOfPath(path), std::nullopt) << path;
  }
}

TEST(VerifiedObject, ReadsAreWhatWasWritten) {
  const unsigned seed = std::random_device{}();
  SCOPED_TRACE(seed);
  std::mt19937 random(seed);
  const std::string bytes = RandomBytes(1'000'003, 3);
  for (const bool local : {true, false}) {
    const auto file = Open(bytes, ChecksumsOf(bytes), local);
    ASSERT_TRUE(file);
    for (int i = 0; i < 500; ++i) {
      const size_t offset = random() % bytes.size();
      const size_t longest = std::min<size_t>(bytes.size() - offset, i % 2 == 0 ? 100 : 600'000);
      std::string out(random() % (longest + 1), '?');
      ASSERT_TRUE((*file)->Read(offset, out));
      ASSERT_EQ(out, bytes.substr(offset, out.size())) << offset;
    }
    std::string whole(bytes.size(), '?');
    ASSERT_TRUE((*file)->Read(0, whole));
    EXPECT_EQ(whole, bytes);
    char one;
    EXPECT_EQ((*file)->Read(bytes.size(), {&one, 1}).error().code, ErrorCode::kCorruption);
  }
}

TEST(VerifiedObject, OneFlippedBitIsNeverRead) {
  const unsigned seed = std::random_device{}();
  SCOPED_TRACE(seed);
  std::mt19937 random(seed);
  const std::string bytes = RandomBytes(700'001, 4);
  const auto checksums = ChecksumsOf(bytes);
  for (const bool local : {true, false}) {
    for (int round = 0; round < 50; ++round) {
      std::string bent = bytes;
      const size_t at = random() % bent.size();
      bent[at] = static_cast<char>(bent[at] ^ (1 << random() % 8));
      const auto file = Open(bent, checksums, local);
      ASSERT_TRUE(file);
      for (int i = 0; i < 20; ++i) {
        const size_t offset = random() % bytes.size();
        std::string out(std::min<size_t>(bytes.size() - offset, random() % 400'000), '?');
        const Status read = (*file)->Read(offset, out);
        if (read) {
          ASSERT_EQ(out, bytes.substr(offset, out.size()));
        }
      }
      std::string out(1, '?');
      const Status read = (*file)->Read(at, out);
      ASSERT_FALSE(read);
      EXPECT_EQ(read.error().code, ErrorCode::kCorruption);
      EXPECT_NE(read.error().message.find("Object 'x' is damaged"), std::string::npos);
    }
  }
}

TEST(VerifiedObject, AnotherSizeIsSeenAtOnce) {
  const std::string bytes = RandomBytes(100'000, 5);
  EXPECT_EQ(Open(bytes.substr(1), ChecksumsOf(bytes), true).error().code, ErrorCode::kCorruption);
  EXPECT_EQ(Open(bytes + "x", ChecksumsOf(bytes), true).error().code, ErrorCode::kCorruption);
}

}  // namespace
}  // namespace kalam::cold
