// S3Client: signed HTTP requests to one bucket.
//
// Purpose: libcurl behind one function: signs (SigV4), keeps connections, limits time, tries again what may
//   succeed later, and turns the store's refusals into our errors. Internal to cold/storage.
// Threads: thread-safe; Exchange blocks. Each running exchange uses a connection of its own.
// Errors: as ObjectStore has them. The store's own texts are not shown, only its error codes.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/clock.h"
#include "base/error.h"
#include "cold/storage/object_store.h"
#include "cold/storage/s3_options.h"
#include "cold/storage/store_error.h"

namespace kalam::cold {

enum class S3Method : uint8_t { kGet, kHead, kPut, kPost, kDelete };

struct S3Request {
  S3Method method = S3Method::kGet;
  std::string_view key;  // below the bucket, prefix included; "" = the bucket
  std::vector<std::pair<std::string_view, std::string>> query;  // by name; values as they are
  std::string_view body;                                        // kPut, kPost
  // kGet: bytes [range_offset, range_offset + into.size()) go there instead of S3Response::body.
  std::span<char> into;
  uint64_t range_offset = 0;
};

struct S3Response {
  int status = 0;
  std::string body;  // at most 16 MiB
  std::string etag;  // without quotes
  uint64_t content_length = 0;
  int64_t modified_at_ms = 0;
  size_t received = 0;  // bytes in `into`
};

class S3Client {
 public:
  S3Client(S3Options options, const Clock& clock);
  ~S3Client();

  // Any answer below 300, or the error that the last attempt got.
  Result<S3Response> Exchange(const S3Request& request, const StoreOperation& operation,
                              const StoreCall& call);

  const S3Options& options() const { return options_; }

 private:
  class Pool;
  struct Attempt;

  std::string UrlOf(const S3Request& request) const;
  Attempt TryOnce(const S3Request& request, const StoreOperation& operation, const StoreCall& call);
  Status Wait(int64_t millis, const StoreOperation& operation, const StoreCall& call) const;

  const S3Options options_;
  const Clock& clock_;
  std::unique_ptr<Pool> pool_;
};

}  // namespace kalam::cold
