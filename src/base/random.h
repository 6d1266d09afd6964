// Random bytes as a parameter: the operating system's in the server, a seeded generator in tests.
#pragma once

#include <cstdint>
#include <mutex>
#include <random>
#include <span>
#include <string>

namespace kalam {

// Thread-safe.
class Random {
 public:
  virtual ~Random() = default;
  virtual void Fill(std::span<uint8_t> bytes) = 0;
};

// getrandom(2); aborts if the kernel has no randomness, since ids and secrets would repeat.
class SystemRandom final : public Random {
 public:
  void Fill(std::span<uint8_t> bytes) override;
};

// Deterministic; not for secrets.
class SeededRandom final : public Random {
 public:
  explicit SeededRandom(uint64_t seed) : engine_(seed) {}
  void Fill(std::span<uint8_t> bytes) override;

 private:
  std::mutex mu_;
  std::mt19937_64 engine_;
};

// Random UUID version 4, 36 lower-case characters (RFC 9562 section 5.4).
std::string UuidV4(Random& random);
// `bytes` of the wall clock in ms then random: UUID version 7, 36 characters (RFC 9562 section 5.7).
std::string UuidV7(Random& random, int64_t wall_millis);
// ULID: 48-bit ms then 80 random bits, 26 characters of Crockford base 32.
std::string Ulid(Random& random, int64_t wall_millis);

}  // namespace kalam
