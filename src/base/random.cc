#include "base/random.h"

#include <sys/random.h>

#include <algorithm>
#include <array>
#include <cstdlib>
#include <cstring>

namespace kalam {
namespace {

std::string FormatUuid(const std::array<uint8_t, 16>& bytes) {
  static constexpr char kHex[] = "0123456789abcdef";
  std::string out;
  out.reserve(36);
  for (size_t i = 0; i < bytes.size(); ++i) {
    if (i == 4 || i == 6 || i == 8 || i == 10) out.push_back('-');
    out.push_back(kHex[bytes[i] >> 4]);
    out.push_back(kHex[bytes[i] & 15]);
  }
  return out;
}

void PutMillis48(std::array<uint8_t, 16>& bytes, int64_t wall_millis) {
  for (int i = 0; i < 6; ++i)
    bytes[static_cast<size_t>(i)] = static_cast<uint8_t>(wall_millis >> (40 - 8 * i));
}

void Ask(std::span<uint8_t> bytes) {
  size_t done = 0;
  while (done < bytes.size()) {
    const ssize_t n = getrandom(bytes.data() + done, bytes.size() - done, 0);
    if (n <= 0) std::abort();
    done += static_cast<size_t>(n);
  }
}

// Of one thread. What was given out is wiped.
struct Stock {
  static constexpr size_t kBytes = 512;
  std::array<uint8_t, kBytes> bytes;
  size_t left = 0;
};

}  // namespace

void SystemRandom::Fill(std::span<uint8_t> bytes) {
  static thread_local Stock stock;
  if (bytes.size() > Stock::kBytes / 8) return Ask(bytes);
  if (bytes.size() > stock.left) {
    Ask(stock.bytes);
    stock.left = Stock::kBytes;
  }
  stock.left -= bytes.size();
  uint8_t* const from = stock.bytes.data() + stock.left;
  std::copy_n(from, bytes.size(), bytes.data());
  std::fill_n(from, bytes.size(), uint8_t{0});
}

void SeededRandom::Fill(std::span<uint8_t> bytes) {
  std::lock_guard lock(mu_);
  for (size_t i = 0; i < bytes.size(); i += 8) {
    const uint64_t word = engine_();
    std::memcpy(bytes.data() + i, &word, std::min<size_t>(8, bytes.size() - i));
  }
}

std::string UuidV4(Random& random) {
  std::array<uint8_t, 16> bytes;
  random.Fill(bytes);
  bytes[6] = static_cast<uint8_t>((bytes[6] & 0x0F) | 0x40);
  bytes[8] = static_cast<uint8_t>((bytes[8] & 0x3F) | 0x80);
  return FormatUuid(bytes);
}

std::string UuidV7(Random& random, int64_t wall_millis) {
  std::array<uint8_t, 16> bytes;
  random.Fill(bytes);
  PutMillis48(bytes, wall_millis);
  bytes[6] = static_cast<uint8_t>((bytes[6] & 0x0F) | 0x70);
  bytes[8] = static_cast<uint8_t>((bytes[8] & 0x3F) | 0x80);
  return FormatUuid(bytes);
}

std::string Ulid(Random& random, int64_t wall_millis) {
  static constexpr char kCrockford[] = "0123456789ABCDEFGHJKMNPQRSTVWXYZ";
  std::array<uint8_t, 16> bytes;
  random.Fill(bytes);
  PutMillis48(bytes, wall_millis);
  // 128 bits as 26 groups of 5, the first group holding only 3 bits.
  unsigned __int128 bits = 0;
  for (uint8_t b : bytes) bits = (bits << 8) | b;
  std::string out(26, '0');
  for (size_t i = 26; i-- > 0;) {
    out[i] = kCrockford[static_cast<size_t>(bits & 31)];
    bits >>= 5;
  }
  return out;
}

}  // namespace kalam
