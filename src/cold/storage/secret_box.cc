#include "cold/storage/secret_box.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <openssl/evp.h>
#include <unistd.h>

#include <cerrno>
#include <fstream>
#include <iterator>
#include <memory>
#include <optional>
#include <span>
#include <system_error>

#include "base/hex.h"

namespace kalam::cold {
namespace {

constexpr std::string_view kVersion = "v1:";
constexpr size_t kNonceBytes = 12;
constexpr size_t kTagBytes = 16;

using Cipher = std::unique_ptr<EVP_CIPHER_CTX, decltype(&EVP_CIPHER_CTX_free)>;

const unsigned char* Bytes(std::string_view text) {
  return reinterpret_cast<const unsigned char*>(text.data());
}
unsigned char* Bytes(std::string& text) { return reinterpret_cast<unsigned char*>(text.data()); }

std::unexpected<Error> KeyFileError(const std::string& file, int error_number) {
  return Fail(ErrorCode::kIo, fmt::format("Cannot use the key file '{}' of storage credentials: {}", file,
                                          std::generic_category().message(error_number)));
}

// Makes the file whole or not at all: a database whose key is lost cannot read its credentials.
Status WriteKeyFile(const std::string& file, std::string_view text) {
  const std::string next = file + ".new";
  ::unlink(next.c_str());
  const int fd = ::open(next.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
  if (fd < 0) return KeyFileError(file, errno);
  const bool written =
      ::write(fd, text.data(), text.size()) == static_cast<ssize_t>(text.size()) && ::fsync(fd) == 0;
  const int failed = errno;
  ::close(fd);
  if (!written) return KeyFileError(file, failed);
  if (::rename(next.c_str(), file.c_str()) != 0) return KeyFileError(file, errno);
  const std::string folder = file.substr(0, file.rfind('/') + 1);
  const int dir = ::open(folder.empty() ? "." : folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  const bool synced = dir >= 0 && ::fsync(dir) == 0;
  const int unsynced = errno;
  if (dir >= 0) ::close(dir);
  if (!synced) return KeyFileError(file, unsynced);
  return {};
}

}  // namespace

Result<SecretBox> SecretBox::Open(const std::string& key_file, Random& random) {
  Key key;
  if (::access(key_file.c_str(), F_OK) != 0) {
    if (errno != ENOENT) return KeyFileError(key_file, errno);
    random.Fill(key);
    const std::string_view bytes(reinterpret_cast<const char*>(key.data()), key.size());
    KALAM_TRY(WriteKeyFile(key_file, ToHex(bytes) + "\n"));
    return SecretBox(key, key_file, random);
  }
  std::ifstream in(key_file, std::ios::binary);
  std::string text{std::istreambuf_iterator<char>(in), {}};
  if (in.bad() || text.empty()) return KeyFileError(key_file, EIO);
  while (text.ends_with('\n')) text.pop_back();
  const auto bytes = FromHex(text);
  if (!bytes || bytes->size() != key.size()) {
    return Fail(ErrorCode::kCorruption,
                fmt::format("The key file '{}' of storage credentials does not hold 64 hexadecimal digits",
                            key_file));
  }
  std::copy(bytes->begin(), bytes->end(), key.begin());
  return SecretBox(key, key_file, random);
}

std::string SecretBox::Seal(std::string_view text, std::string_view owner) const {
  std::string sealed(kNonceBytes + text.size() + kTagBytes, '\0');
  random_->Fill(std::span(Bytes(sealed), kNonceBytes));
  const Cipher cipher(EVP_CIPHER_CTX_new(), &EVP_CIPHER_CTX_free);
  int size = 0;
  EVP_EncryptInit_ex(cipher.get(), EVP_aes_256_gcm(), nullptr, key_.data(), Bytes(sealed));
  EVP_EncryptUpdate(cipher.get(), nullptr, &size, Bytes(owner), static_cast<int>(owner.size()));
  EVP_EncryptUpdate(cipher.get(), Bytes(sealed) + kNonceBytes, &size, Bytes(text),
                    static_cast<int>(text.size()));
  EVP_EncryptFinal_ex(cipher.get(), Bytes(sealed) + kNonceBytes + size, &size);
  EVP_CIPHER_CTX_ctrl(cipher.get(), EVP_CTRL_GCM_GET_TAG, kTagBytes,
                      Bytes(sealed) + kNonceBytes + text.size());
  return std::string(kVersion) + ToHex(sealed);
}

Result<std::string> SecretBox::Unseal(std::string_view sealed, std::string_view owner) const {
  auto bytes = IsSealed(sealed) ? FromHex(sealed.substr(kVersion.size())) : std::nullopt;
  if (bytes && bytes->size() >= kNonceBytes + kTagBytes) {
    std::string text(bytes->size() - kNonceBytes - kTagBytes, '\0');
    const Cipher cipher(EVP_CIPHER_CTX_new(), &EVP_CIPHER_CTX_free);
    int size = 0;
    EVP_DecryptInit_ex(cipher.get(), EVP_aes_256_gcm(), nullptr, key_.data(), Bytes(*bytes));
    EVP_DecryptUpdate(cipher.get(), nullptr, &size, Bytes(owner), static_cast<int>(owner.size()));
    EVP_DecryptUpdate(cipher.get(), Bytes(text), &size, Bytes(*bytes) + kNonceBytes,
                      static_cast<int>(text.size()));
    EVP_CIPHER_CTX_ctrl(cipher.get(), EVP_CTRL_GCM_SET_TAG, kTagBytes,
                        Bytes(*bytes) + kNonceBytes + text.size());
    if (EVP_DecryptFinal_ex(cipher.get(), Bytes(text) + text.size(), &size) == 1) return text;
  }
  return Fail(
      ErrorCode::kCorruption,
      fmt::format(
          "The credentials of storage '{}' were sealed with another key than the one in '{}'. Put the "
          "key file of that database there, or give them anew: ALTER STORAGE {} SET CREDENTIALS '...'",
          owner, key_file_, owner));
}

}  // namespace kalam::cold
