// SecretBox: credentials as they lie in the database, useless without a key that lies beside it.
//
// Purpose: who gets hold of the database's files, a backup or a catalog record has no credentials.
// AES-256-GCM
//   with a random key in a file of its own, mode 0600. Threads: thread-safe. Errors: kIo for the key file,
//   kCorruption when a text was not sealed with this key.
#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <string_view>

#include "base/error.h"
#include "base/random.h"

namespace kalam::cold {

class SecretBox {
 public:
  // Reads the key, or makes one when there is no such file; durable before it returns.
  static Result<SecretBox> Open(const std::string& key_file, Random& random);

  // "v1:" and hexadecimal digits: nonce, cipher text, tag. `owner` (a storage id) is bound to it: moved to
  // another owner it does not open.
  std::string Seal(std::string_view text, std::string_view owner) const;
  Result<std::string> Unseal(std::string_view sealed, std::string_view owner) const;
  static bool IsSealed(std::string_view text) { return text.starts_with("v1:"); }

 private:
  using Key = std::array<unsigned char, 32>;
  SecretBox(const Key& key, std::string key_file, Random& random)
      : key_(key), key_file_(std::move(key_file)), random_(&random) {}

  Key key_;
  std::string key_file_;
  Random* random_;
};

}  // namespace kalam::cold
