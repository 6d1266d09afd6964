#include "jobs/backup/row_file.h"

#include <fmt/format.h>
#include <openssl/evp.h>

#include <array>
#include <cerrno>
#include <cstring>

#include "base/limits.h"

namespace kalam::jobs {
namespace {

constexpr std::string_view kMagic = "KLROWS01";
constexpr size_t kLengthBytes = 4;
constexpr size_t kKeyBytesMax =
    limits::kPrimaryKeyBytesMax * 2 + limits::kUserIdBytesMax * 2 + 16;  // escaped

std::array<char, kLengthBytes> LengthBytes(size_t length) {
  std::array<char, kLengthBytes> bytes{};
  for (size_t i = 0; i < kLengthBytes; ++i) bytes[i] = static_cast<char>(length >> (8 * i) & 0xFF);
  return bytes;
}

size_t ReadLength(std::string_view bytes) {
  size_t length = 0;
  for (size_t i = 0; i < kLengthBytes; ++i)
    length |= static_cast<size_t>(static_cast<uint8_t>(bytes[i])) << (8 * i);
  return length;
}

std::unexpected<Error> Damaged(std::string_view what) {
  return Fail(ErrorCode::kCorruption, fmt::format("A row file of the backup is damaged: {}", what));
}

}  // namespace

struct Sha256::State {
  EVP_MD_CTX* context = EVP_MD_CTX_new();
};

Sha256::Sha256() : state_(std::make_unique<State>()) {
  EVP_DigestInit_ex(state_->context, EVP_sha256(), nullptr);
}
Sha256::~Sha256() { EVP_MD_CTX_free(state_->context); }
void Sha256::Add(std::string_view bytes) { EVP_DigestUpdate(state_->context, bytes.data(), bytes.size()); }
std::string Sha256::Hex() {
  std::array<unsigned char, EVP_MAX_MD_SIZE> digest{};
  unsigned int size = 0;
  EVP_DigestFinal_ex(state_->context, digest.data(), &size);
  std::string hex;
  for (unsigned int i = 0; i < size; ++i) hex += fmt::format("{:02x}", digest[i]);
  return hex;
}

Result<std::unique_ptr<RowFileWriter>> RowFileWriter::Create(std::string path) {
  std::FILE* file = std::fopen(path.c_str(), "wbx");
  if (file == nullptr) {
    return Fail(ErrorCode::kIo, fmt::format("Cannot create '{}': {}", path, std::strerror(errno)));
  }
  std::unique_ptr<RowFileWriter> writer(new RowFileWriter(std::move(path), file));
  KALAM_TRY(writer->Write(kMagic));
  return writer;
}

RowFileWriter::~RowFileWriter() {
  if (file_ != nullptr) std::fclose(file_);
}

Status RowFileWriter::Write(std::string_view bytes) {
  if (std::fwrite(bytes.data(), 1, bytes.size(), file_) != bytes.size()) {
    return Fail(ErrorCode::kIo, fmt::format("Cannot write '{}': {}", path_, std::strerror(errno)));
  }
  hash_.Add(bytes);
  bytes_ += static_cast<int64_t>(bytes.size());
  return {};
}

Status RowFileWriter::Add(std::string_view key, std::string_view row) {
  for (const std::string_view part : {key, row}) {
    const auto length = LengthBytes(part.size());
    KALAM_TRY(Write({length.data(), length.size()}));
    KALAM_TRY(Write(part));
  }
  ++rows_;
  return {};
}

Status RowFileWriter::Finish() {
  std::FILE* file = std::exchange(file_, nullptr);
  if (std::fclose(file) != 0) {
    return Fail(ErrorCode::kIo, fmt::format("Cannot write '{}': {}", path_, std::strerror(errno)));
  }
  digest_ = hash_.Hex();
  return {};
}

Result<std::optional<RowFileParser::Row>> RowFileParser::Next() {
  using Found = std::optional<Row>;
  if (!magic_seen_) {
    if (buffer_.size() < kMagic.size()) return Found();
    if (!buffer_.starts_with(kMagic)) return Damaged("it does not begin as one");
    magic_seen_ = true;
    used_ = kMagic.size();
  }
  const std::string_view rest = std::string_view(buffer_).substr(used_);
  const auto more = [&]() -> Result<Found> {
    buffer_.erase(0, used_);
    used_ = 0;
    return Found();
  };
  if (rest.size() < kLengthBytes) return more();
  const size_t key_size = ReadLength(rest);
  if (key_size > kKeyBytesMax) return Damaged("a key is too long");
  if (rest.size() < 2 * kLengthBytes + key_size) return more();
  const size_t row_size = ReadLength(rest.substr(kLengthBytes + key_size));
  if (row_size > limits::kRowBytesMax) return Damaged("a row is too long");
  if (rest.size() < 2 * kLengthBytes + key_size + row_size) return more();
  Row row{rest.substr(kLengthBytes, key_size), rest.substr(2 * kLengthBytes + key_size, row_size)};
  used_ += 2 * kLengthBytes + key_size + row_size;
  return Found(row);
}

}  // namespace kalam::jobs
