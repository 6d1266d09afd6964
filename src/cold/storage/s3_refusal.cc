#include "cold/storage/s3_refusal.h"

#include <curl/curl.h>
#include <fmt/format.h>

#include <algorithm>
#include <array>

namespace kalam::cold {
namespace {

using namespace std::string_view_literals;

bool IsOneOf(std::string_view code, std::span<const std::string_view> codes) {
  return std::find(codes.begin(), codes.end(), code) != codes.end();
}

constexpr std::array kWrongCredentials = {"InvalidAccessKeyId"sv, "SignatureDoesNotMatch"sv, "InvalidToken"sv,
                                          "ExpiredToken"sv, "TokenRefreshRequired"sv};
constexpr std::array kWrongRegion = {"PermanentRedirect"sv, "AuthorizationHeaderMalformed"sv,
                                     "IllegalLocationConstraintException"sv, "TemporaryRedirect"sv};
constexpr std::array kBusy = {
    "SlowDown"sv,         "InternalError"sv, "ServiceUnavailable"sv,  "RequestTimeout"sv,
    "OperationAborted"sv, "Throttling"sv,    "RequestLimitExceeded"sv};

// "403 AccessDenied" or "403".
std::string Shown(int status, std::string_view code) {
  return code.empty() ? fmt::format("{}", status) : fmt::format("{} {}", status, code);
}

}  // namespace

Refusal AnswerRefusal(int status, std::string_view code, const S3Options& options,
                      const StoreOperation& operation) {
  const std::string shown = Shown(status, code);
  if (code == "NoSuchBucket") {
    return {StoreError(ErrorCode::kIo, operation, "no_such_bucket",
                       fmt::format("bucket '{}' does not exist ({})", options.bucket, shown))};
  }
  if (status == 404) return {NoSuchObject(operation)};
  if (status == 416) {
    return {
        StoreError(ErrorCode::kIo, operation, "truncated", "the object is shorter than the range wanted")};
  }
  if (status == 507 || code == "QuotaExceeded" || code == "XMinioStorageFull") {
    return {
        StoreError(ErrorCode::kIo, operation, "no_space",
                   fmt::format("the store has no space left ({}). Free some, or raise its quota", shown))};
  }
  if (status >= 500 || status == 429 || status == 408 || IsOneOf(code, kBusy)) {
    return {StoreError(ErrorCode::kUnavailable, operation, "unavailable",
                       fmt::format("the store at {} is busy or failing ({})", options.endpoint, shown)),
            true};
  }
  if (IsOneOf(code, kWrongRegion) || (status >= 300 && status < 400)) {
    return {StoreError(ErrorCode::kIo, operation, "wrong_region",
                       fmt::format("the store sends us elsewhere ({}). Check region ('{}') and endpoint ({})",
                                   shown, options.region, options.endpoint))};
  }
  if (code == "RequestTimeTooSkewed") {
    return {StoreError(ErrorCode::kIo, operation, "clock_skew",
                       fmt::format("this machine's clock is too far from the store's ({})", shown))};
  }
  if (IsOneOf(code, kWrongCredentials)) {
    return {
        StoreError(ErrorCode::kIo, operation, "access_denied",
                   fmt::format("the store does not accept the credentials ({}). Check access key, secret key "
                               "and region",
                               shown))};
  }
  if (status == 401 || status == 403) {
    return {
        StoreError(ErrorCode::kIo, operation, "access_denied",
                   fmt::format("the store refuses access ({}). Check the credentials and what they may do in "
                               "bucket '{}'",
                               shown, options.bucket))};
  }
  return {StoreError(ErrorCode::kIo, operation, "refused", fmt::format("the store refuses it ({})", shown))};
}

Refusal TransferRefusal(int curl_code, const S3Options& options, const StoreOperation& operation) {
  // libcurl's own words for the code; its longer texts may hold parts of the request.
  const std::string_view words = curl_easy_strerror(static_cast<CURLcode>(curl_code));
  switch (curl_code) {
    case CURLE_OPERATION_TIMEDOUT:
      return {StoreError(ErrorCode::kUnavailable, operation, "timeout",
                         fmt::format("no whole answer from {} within {} ms", options.endpoint,
                                     options.request_timeout_ms)),
              true};
    case CURLE_PEER_FAILED_VERIFICATION:
    case CURLE_SSL_CACERT_BADFILE:
      return {StoreError(ErrorCode::kIo, operation, "tls",
                         fmt::format("the certificate of {} is not trusted", options.endpoint))};
    case CURLE_UNSUPPORTED_PROTOCOL:
    case CURLE_URL_MALFORMAT:
    case CURLE_OUT_OF_MEMORY:
      return {StoreError(ErrorCode::kIo, operation, "io_error", words)};
    default:
      return {StoreError(ErrorCode::kUnavailable, operation, "unreachable",
                         fmt::format("{} does not answer: {}", options.endpoint, words)),
              true};
  }
}

}  // namespace kalam::cold
