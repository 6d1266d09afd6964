// How to reach one bucket.
#pragma once

#include <cstdint>
#include <string>

namespace kalam::cold {

struct S3Options {
  std::string bucket;
  std::string prefix;  // of every key, without slashes at its ends; may be empty
  std::string region = "us-east-1";
  std::string endpoint;     // "https://host[:port]" without a slash at the end
  bool path_style = false;  // endpoint/bucket/key instead of bucket.endpoint/key
  // Secrets: these never reach a message or a log. Without an access key requests are not signed.
  std::string access_key_id;
  std::string secret_access_key;
  std::string session_token;
  int64_t connect_timeout_ms = 10'000;
  int64_t request_timeout_ms = 60'000;  // of one attempt
  int attempts_max = 4;
  int64_t retry_first_ms = 100;  // doubles with each attempt, up to 3 s
  // Files up to this size are put with one request, larger ones in parts of it.
  uint64_t part_bytes = 16u << 20;
  std::string staging_folder;  // exists
};

}  // namespace kalam::cold
