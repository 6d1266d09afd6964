#include "auth/passwords.h"

#include <crypt.h>
#include <fmt/format.h>
#include <openssl/crypto.h>

#include <algorithm>
#include <array>
#include <cassert>
#include <condition_variable>
#include <deque>
#include <mutex>
#include <thread>

#include "base/background.h"

namespace kalam::auth {
namespace {

constexpr size_t kPasswordBytesMin = 8;
constexpr size_t kPasswordBytesMax = 72;  // bcrypt ignores what follows

constexpr std::string_view kCommonPasswords[] = {
    "password", "123456", "12345678", "qwerty",   "abc123",   "monkey",   "1234567", "letmein",
    "trustno1", "dragon", "baseball", "iloveyou", "master",   "sunshine", "ashley",  "bailey",
    "passw0rd", "shadow", "123123",   "654321",   "superman", "qazwsx",   "michael", "football",
};

constexpr std::string_view kTooLong = "Password must be at most 72 characters (bcrypt limit, weak)";

// The state of crypt_r is 32 KiB and ends up holding traces of the password.
struct CryptState {
  crypt_data data{};
  CryptState() = default;
  CryptState(const CryptState&) = delete;
  CryptState& operator=(const CryptState&) = delete;
  ~CryptState() { OPENSSL_cleanse(&data, sizeof(data)); }
};

// The hash of `password` under `setting` (a hash or its "$2b$12$<salt>" beginning); empty when crypt refuses.
std::string Crypt(std::string_view password, const std::string& setting) {
  auto state = std::make_unique<CryptState>();
  std::string phrase(password);
  const char* hash = crypt_r(phrase.c_str(), setting.c_str(), &state->data);
  OPENSSL_cleanse(phrase.data(), phrase.size());
  // Failures answer nullptr or a text that starts with '*'.
  if (hash == nullptr || hash[0] == '*') return {};
  return hash;
}

bool IsBcrypt(std::string_view hash) { return hash.size() == 60 && hash.starts_with("$2"); }

}  // namespace

std::optional<std::string> PasswordWeakness(std::string_view password, bool complexity) {
  if (password.size() < kPasswordBytesMin) return "Password must be at least 8 characters (weak)";
  if (password.size() > kPasswordBytesMax) return std::string(kTooLong);
  if (std::ranges::find(kCommonPasswords, password) != std::end(kCommonPasswords))
    return "Password is too common";
  if (!complexity) return std::nullopt;
  auto upper = [](char c) { return c >= 'A' && c <= 'Z'; };
  auto lower = [](char c) { return c >= 'a' && c <= 'z'; };
  auto digit = [](char c) { return c >= '0' && c <= '9'; };
  // Bytes of letters beyond ASCII count as letters, not as special characters.
  auto special = [&](char c) {
    return static_cast<unsigned char>(c) < 0x80 && !upper(c) && !lower(c) && !digit(c);
  };
  if (std::ranges::none_of(password, upper)) return "Password must include at least one uppercase letter";
  if (std::ranges::none_of(password, lower)) return "Password must include at least one lowercase letter";
  if (std::ranges::none_of(password, digit)) return "Password must include at least one digit";
  if (std::ranges::none_of(password, special)) return "Password must include at least one special character";
  return std::nullopt;
}

Result<std::string> HashPassword(std::string_view password, int cost, Random& random) {
  // Hashing only the beginning would let a part of the password log in.
  if (password.size() > kPasswordBytesMax) return Fail(ErrorCode::kInvalidOperation, std::string(kTooLong));
  if (password.find('\0') != std::string_view::npos) {
    return Fail(ErrorCode::kInvalidOperation, "Password must not contain NUL characters");
  }
  std::array<uint8_t, 16> salt{};
  random.Fill(salt);
  std::array<char, CRYPT_GENSALT_OUTPUT_SIZE> setting{};
  if (cost < 4 || cost > 31 ||
      crypt_gensalt_rn("$2b$", static_cast<unsigned long>(cost), reinterpret_cast<const char*>(salt.data()),
                       salt.size(), setting.data(), static_cast<int>(setting.size())) == nullptr) {
    return Fail(ErrorCode::kInternal, fmt::format("bcrypt refuses cost {}", cost));
  }
  std::string hash = Crypt(password, setting.data());
  if (!IsBcrypt(hash)) return Fail(ErrorCode::kInternal, "bcrypt failed");
  return hash;
}

bool VerifyPassword(std::string_view password, const std::string& hash) {
  if (!IsBcrypt(hash)) return false;
  if (password.size() > kPasswordBytesMax || password.find('\0') != std::string_view::npos) return false;
  std::string computed = Crypt(password, hash);
  return computed.size() == hash.size() && CRYPTO_memcmp(computed.data(), hash.data(), hash.size()) == 0;
}

struct HashingThread::Impl {
  explicit Impl(size_t max) : queue_max(max), thread([this] { Run(); }) {}

  void Run() {
    LowerThreadPriority();  // logins must never take processor time from requests
    std::unique_lock lock(mu);
    while (true) {
      changed.wait(lock, [&] { return stopped || !queue.empty(); });
      if (queue.empty()) return;
      {
        auto job = std::move(queue.front());
        queue.pop_front();
        lock.unlock();
        job();
      }  // what the job holds goes before the lock is taken
      lock.lock();
    }
  }

  const size_t queue_max;
  std::mutex mu;
  std::condition_variable changed;
  std::deque<std::move_only_function<void()>> queue;
  bool stopped = false;
  std::thread thread;  // last: it uses the members above
};

HashingThread::HashingThread(size_t queue_max) : impl_(std::make_unique<Impl>(queue_max)) {}

HashingThread::~HashingThread() { assert(!impl_->thread.joinable() && "call Stop() first"); }

bool HashingThread::Post(std::move_only_function<void()> job) {
  {
    std::lock_guard lock(impl_->mu);
    if (impl_->stopped || impl_->queue.size() >= impl_->queue_max) return false;
    impl_->queue.push_back(std::move(job));
  }
  impl_->changed.notify_one();
  return true;
}

void HashingThread::Stop() {
  {
    std::lock_guard lock(impl_->mu);
    impl_->stopped = true;
  }
  impl_->changed.notify_all();
  if (impl_->thread.joinable()) impl_->thread.join();
}

}  // namespace kalam::auth
