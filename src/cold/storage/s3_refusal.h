// What a failed S3 request means: which error, and whether another try may succeed. Internal to cold/storage.
#pragma once

#include <string_view>

#include "base/error.h"
#include "cold/storage/s3_options.h"
#include "cold/storage/store_error.h"

namespace kalam::cold {

struct Refusal {
  Error error;
  bool retry = false;
};

// The store answered `status` >= 300 with this error code ("" = none, as for HEAD).
Refusal AnswerRefusal(int status, std::string_view code, const S3Options& options,
                      const StoreOperation& operation);
// No whole answer came: a CURLcode.
Refusal TransferRefusal(int curl_code, const S3Options& options, const StoreOperation& operation);

}  // namespace kalam::cold
