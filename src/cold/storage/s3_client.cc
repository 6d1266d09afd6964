#include "cold/storage/s3_client.h"

#include <curl/curl.h>
#include <fmt/format.h>
#include <openssl/sha.h>

#include <algorithm>
#include <array>
#include <condition_variable>
#include <cstring>
#include <mutex>
#include <optional>
#include <random>

#include "cold/storage/s3_refusal.h"
#include "cold/storage/s3_xml.h"

namespace kalam::cold {
namespace {

constexpr size_t kBodyBytesMax = 16u << 20;
constexpr int64_t kRetryWaitMaxMs = 3'000;
constexpr size_t kIdleHandlesMax = 16;

std::string Sha256Hex(std::string_view bytes) {
  std::array<unsigned char, SHA256_DIGEST_LENGTH> digest;
  SHA256(reinterpret_cast<const unsigned char*>(bytes.data()), bytes.size(), digest.data());
  std::string hex;
  for (const unsigned char byte : digest) hex += fmt::format("{:02x}", byte);
  return hex;
}

class Headers {
 public:
  ~Headers() { curl_slist_free_all(list_); }
  Headers() = default;
  Headers(const Headers&) = delete;
  Headers& operator=(const Headers&) = delete;
  void Add(const std::string& line) { list_ = curl_slist_append(list_, line.c_str()); }
  curl_slist* get() const { return list_; }

 private:
  curl_slist* list_ = nullptr;
};

// What the callbacks of one transfer work on.
struct Transfer {
  CURL* handle = nullptr;
  const S3Request& request;
  const StoreCall& call;
  const Clock& clock;
  S3Response response;
  size_t sent = 0;
  uint64_t passed = 0;  // bytes of the body so far
  bool too_large = false;
  std::optional<int64_t> retry_after_ms;
};

size_t TakeBody(char* data, size_t, size_t size, void* context) {
  auto& transfer = *static_cast<Transfer*>(context);
  long status = 0;
  curl_easy_getinfo(transfer.handle, CURLINFO_RESPONSE_CODE, &status);
  const auto& into = transfer.request.into;
  if (!into.empty() && status < 300) {
    // A store that ignores the range sends the object from its start.
    const uint64_t skip = status == 206 ? 0 : transfer.request.range_offset;
    uint64_t& seen = transfer.passed;
    const uint64_t begin = std::max(seen, skip);
    const uint64_t end = std::min(seen + size, skip + into.size());
    if (begin < end) {
      std::memcpy(into.data() + (begin - skip), data + (begin - seen), end - begin);
      transfer.response.received += end - begin;
    }
    seen += size;
    return size;
  }
  if (transfer.response.body.size() + size > kBodyBytesMax) {
    transfer.too_large = true;
    return 0;
  }
  transfer.response.body.append(data, size);
  return size;
}

size_t GiveBody(char* out, size_t, size_t size, void* context) {
  auto& transfer = *static_cast<Transfer*>(context);
  const size_t n = std::min(size, transfer.request.body.size() - transfer.sent);
  std::memcpy(out, transfer.request.body.data() + transfer.sent, n);
  transfer.sent += n;
  return n;
}

int SeekBody(void* context, curl_off_t offset, int origin) {
  auto& transfer = *static_cast<Transfer*>(context);
  if (origin != SEEK_SET || offset < 0 || static_cast<size_t>(offset) > transfer.request.body.size()) {
    return CURL_SEEKFUNC_FAIL;
  }
  transfer.sent = static_cast<size_t>(offset);
  return CURL_SEEKFUNC_OK;
}

std::string_view Trimmed(std::string_view text) {
  const size_t begin = text.find_first_not_of(" \t\r\n\"");
  if (begin == std::string_view::npos) return {};
  return text.substr(begin, text.find_last_not_of(" \t\r\n\"") - begin + 1);
}

size_t TakeHeader(char* data, size_t, size_t size, void* context) {
  auto& transfer = *static_cast<Transfer*>(context);
  const std::string_view line(data, size);
  const size_t colon = line.find(':');
  if (colon == std::string_view::npos) return size;
  std::string name(line.substr(0, colon));
  std::transform(name.begin(), name.end(), name.begin(), [](unsigned char c) { return std::tolower(c); });
  const std::string value(Trimmed(line.substr(colon + 1)));
  if (name == "etag") transfer.response.etag = value;
  if (name == "last-modified") {
    const time_t seconds = curl_getdate(value.c_str(), nullptr);
    transfer.response.modified_at_ms = seconds < 0 ? 0 : static_cast<int64_t>(seconds) * 1000;
  }
  if (name == "retry-after") {
    const long seconds = std::strtol(value.c_str(), nullptr, 10);
    if (seconds > 0) transfer.retry_after_ms = seconds * 1000L;
  }
  return size;
}

// Not zero ends the transfer.
int Progress(void* context, curl_off_t, curl_off_t, curl_off_t, curl_off_t) {
  const auto& transfer = *static_cast<const Transfer*>(context);
  return transfer.call.stop.stop_requested() ||
         transfer.clock.MonotonicNanos() >= transfer.call.deadline_nanos;
}

const char* MethodName(S3Method method) {
  switch (method) {
    case S3Method::kGet:
      return "GET";
    case S3Method::kHead:
      return "HEAD";
    case S3Method::kPut:
      return "PUT";
    case S3Method::kPost:
      return "POST";
    case S3Method::kDelete:
      return "DELETE";
  }
  return "";
}

void SetMethod(CURL* handle, const S3Request& request, Transfer& transfer) {
  if (request.method == S3Method::kHead) {
    curl_easy_setopt(handle, CURLOPT_NOBODY, 1L);
  } else if (request.method == S3Method::kPut) {
    curl_easy_setopt(handle, CURLOPT_UPLOAD, 1L);
    curl_easy_setopt(handle, CURLOPT_INFILESIZE_LARGE, static_cast<curl_off_t>(request.body.size()));
    curl_easy_setopt(handle, CURLOPT_READFUNCTION, &GiveBody);
    curl_easy_setopt(handle, CURLOPT_READDATA, &transfer);
    curl_easy_setopt(handle, CURLOPT_SEEKFUNCTION, &SeekBody);
    curl_easy_setopt(handle, CURLOPT_SEEKDATA, &transfer);
  } else if (request.method == S3Method::kPost) {
    curl_easy_setopt(handle, CURLOPT_POST, 1L);
    curl_easy_setopt(handle, CURLOPT_POSTFIELDS, request.body.empty() ? "" : request.body.data());
    curl_easy_setopt(handle, CURLOPT_POSTFIELDSIZE_LARGE, static_cast<curl_off_t>(request.body.size()));
  } else {
    curl_easy_setopt(handle, CURLOPT_HTTPGET, 1L);
    curl_easy_setopt(handle, CURLOPT_CUSTOMREQUEST, MethodName(request.method));
  }
}

}  // namespace

// Idle handles keep their connections. libcurl's global state is made once.
class S3Client::Pool {
 public:
  Pool() {
    static std::once_flag once;
    std::call_once(once, [] { curl_global_init(CURL_GLOBAL_DEFAULT); });
  }
  ~Pool() {
    for (CURL* handle : idle_) curl_easy_cleanup(handle);
  }
  Pool(const Pool&) = delete;
  Pool& operator=(const Pool&) = delete;

  CURL* Take() {
    {
      std::lock_guard lock(mu_);
      if (!idle_.empty()) {
        CURL* handle = idle_.back();
        idle_.pop_back();
        curl_easy_reset(handle);
        return handle;
      }
    }
    return curl_easy_init();
  }
  void Return(CURL* handle) {
    curl_easy_reset(handle);  // forgets the credentials, keeps connections
    {
      std::lock_guard lock(mu_);
      if (idle_.size() < kIdleHandlesMax) {
        idle_.push_back(handle);
        return;
      }
    }
    curl_easy_cleanup(handle);
  }

 private:
  std::mutex mu_;
  std::vector<CURL*> idle_;
};

// One try: an answer, or an error and whether another try makes sense.
struct S3Client::Attempt {
  Result<S3Response> outcome;
  bool retry = false;
  std::optional<int64_t> retry_after_ms;
};

S3Client::S3Client(S3Options options, const Clock& clock)
    : options_(std::move(options)), clock_(clock), pool_(std::make_unique<Pool>()) {}
S3Client::~S3Client() = default;

std::string S3Client::UrlOf(const S3Request& request) const {
  const size_t host = options_.endpoint.find("//") + 2;
  std::string url = options_.path_style ? fmt::format("{}/{}/", options_.endpoint, options_.bucket)
                                        : fmt::format("{}{}.{}/", options_.endpoint.substr(0, host),
                                                      options_.bucket, options_.endpoint.substr(host));
  url += UrlEncode(request.key, true);
  char separator = '?';
  for (const auto& [name, value] : request.query) {
    url += fmt::format("{}{}={}", separator, name, UrlEncode(value, false));
    separator = '&';
  }
  return url;
}

S3Client::Attempt S3Client::TryOnce(const S3Request& request, const StoreOperation& operation,
                                    const StoreCall& call) {
  CURL* handle = pool_->Take();
  if (handle == nullptr) {
    return {Fail(StoreError(ErrorCode::kIo, operation, "io_error", "no memory for a connection")), false, {}};
  }
  Transfer transfer{.handle = handle, .request = request, .call = call, .clock = clock_};
  const std::string url = UrlOf(request);
  curl_easy_setopt(handle, CURLOPT_URL, url.c_str());
  curl_easy_setopt(handle, CURLOPT_PROTOCOLS_STR, "http,https");
  curl_easy_setopt(handle, CURLOPT_PATH_AS_IS, 1L);
  curl_easy_setopt(handle, CURLOPT_NOSIGNAL, 1L);
  curl_easy_setopt(handle, CURLOPT_CONNECTTIMEOUT_MS, static_cast<long>(options_.connect_timeout_ms));
  curl_easy_setopt(handle, CURLOPT_TIMEOUT_MS, static_cast<long>(options_.request_timeout_ms));
  curl_easy_setopt(handle, CURLOPT_WRITEFUNCTION, &TakeBody);
  curl_easy_setopt(handle, CURLOPT_WRITEDATA, &transfer);
  curl_easy_setopt(handle, CURLOPT_HEADERFUNCTION, &TakeHeader);
  curl_easy_setopt(handle, CURLOPT_HEADERDATA, &transfer);
  curl_easy_setopt(handle, CURLOPT_NOPROGRESS, 0L);
  curl_easy_setopt(handle, CURLOPT_XFERINFOFUNCTION, &Progress);
  curl_easy_setopt(handle, CURLOPT_XFERINFODATA, &transfer);
  curl_easy_setopt(handle, CURLOPT_USERAGENT, "kalamdb");
  SetMethod(handle, request, transfer);
  Headers headers;
  headers.Add(fmt::format("x-amz-content-sha256: {}", Sha256Hex(request.body)));
  if (!options_.session_token.empty()) headers.Add("x-amz-security-token: " + options_.session_token);
  if (request.method == S3Method::kPost) headers.Add("Content-Type: application/xml");
  if (request.method == S3Method::kPut) headers.Add("Content-Type: application/octet-stream");
  curl_easy_setopt(handle, CURLOPT_HTTPHEADER, headers.get());
  const std::string range =
      fmt::format("{}-{}", request.range_offset, request.range_offset + request.into.size() - 1);
  if (!request.into.empty()) curl_easy_setopt(handle, CURLOPT_RANGE, range.c_str());
  const std::string signer = fmt::format("aws:amz:{}:s3", options_.region);
  if (!options_.access_key_id.empty()) {
    curl_easy_setopt(handle, CURLOPT_AWS_SIGV4, signer.c_str());
    curl_easy_setopt(handle, CURLOPT_USERNAME, options_.access_key_id.c_str());
    curl_easy_setopt(handle, CURLOPT_PASSWORD, options_.secret_access_key.c_str());
  }

  const CURLcode code = curl_easy_perform(handle);
  long status = 0;
  curl_off_t length = 0;
  curl_easy_getinfo(handle, CURLINFO_RESPONSE_CODE, &status);
  curl_easy_getinfo(handle, CURLINFO_CONTENT_LENGTH_DOWNLOAD_T, &length);
  pool_->Return(handle);
  transfer.response.status = static_cast<int>(status);
  transfer.response.content_length = length < 0 ? 0 : static_cast<uint64_t>(length);

  if (code != CURLE_OK) {
    if (const Status over = CheckCall(call, clock_, operation); !over) return {Fail(over.error()), false, {}};
    if (transfer.too_large) {
      return {
          Fail(StoreError(ErrorCode::kIo, operation, "answer_too_large", "the store's answer is too large")),
          false,
          {}};
    }
    Refusal refusal = TransferRefusal(static_cast<int>(code), options_, operation);
    return {Fail(std::move(refusal.error)), refusal.retry, {}};
  }
  if (status >= 300 || status < 200) {
    Refusal refusal =
        AnswerRefusal(transfer.response.status, ParseErrorCode(transfer.response.body), options_, operation);
    return {Fail(std::move(refusal.error)), refusal.retry, transfer.retry_after_ms};
  }
  return {std::move(transfer.response), false, {}};
}

Status S3Client::Wait(int64_t millis, const StoreOperation& operation, const StoreCall& call) const {
  const int64_t left_ms = call.deadline_nanos == INT64_MAX
                              ? INT64_MAX
                              : (call.deadline_nanos - clock_.MonotonicNanos()) / 1'000'000;
  // No try fits behind a wait that ends at the deadline; the caller reports what the last one said.
  if (left_ms <= millis) {
    return Fail(StoreError(ErrorCode::kDeadline, operation, "timeout", "the time for it is over"));
  }
  std::mutex mu;
  std::condition_variable_any changed;
  std::unique_lock lock(mu);
  changed.wait_for(lock, call.stop, std::chrono::milliseconds(millis), [] { return false; });
  return CheckCall(call, clock_, operation);
}

Result<S3Response> S3Client::Exchange(const S3Request& request, const StoreOperation& operation,
                                      const StoreCall& call) {
  KALAM_TRY(CheckCall(call, clock_, operation));
  thread_local std::minstd_rand jitter{std::random_device{}()};
  int64_t wait_ms = options_.retry_first_ms;
  for (int attempt = 1;; ++attempt) {
    Attempt tried = TryOnce(request, operation, call);
    if (tried.outcome || !tried.retry) return std::move(tried.outcome);
    if (attempt >= options_.attempts_max) {
      Error error = std::move(tried.outcome).error();
      if (attempt > 1) error.message += fmt::format(" (tried {} times)", attempt);
      return Fail(std::move(error));
    }
    // Half of the wait is random, so that many clients of a busy store do not come back together.
    const int64_t half = std::max<int64_t>(wait_ms / 2, 1);
    int64_t pause = half + static_cast<int64_t>(jitter()) % half;
    if (tried.retry_after_ms) pause = std::clamp(*tried.retry_after_ms, pause, kRetryWaitMaxMs);
    KALAM_TRY(Wait(pause, operation, call));
    wait_ms = std::min(wait_ms * 2, kRetryWaitMaxMs);
  }
}

}  // namespace kalam::cold
