// Passwords: bcrypt through libcrypt, on one low-priority thread of its own so that logins never starve
// requests.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "base/error.h"
#include "base/random.h"

namespace kalam::auth {

// The rule broken, in words clients know ("Password is too common"), or nullopt. `complexity` adds the four
// character classes.
std::optional<std::string> PasswordWeakness(std::string_view password, bool complexity);

// bcrypt "$2b$", `cost` 4..31. Takes 2^cost units of work: about 250 ms at 12.
Result<std::string> HashPassword(std::string_view password, int cost, Random& random);
// Constant time in the hash comparison. False for an empty or malformed hash.
bool VerifyPassword(std::string_view password, const std::string& hash);

// Runs hashing jobs one after the other. Thread-safe. Stop() runs what is queued, then ends; the destructor
// asserts it ran.
class HashingThread {
 public:
  explicit HashingThread(size_t queue_max = 64);
  ~HashingThread();
  // False when the queue is full or stopped; then `job` is not run (callers answer 429).
  bool Post(std::move_only_function<void()> job);
  void Stop();

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace kalam::auth
