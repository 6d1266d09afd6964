// Codes of error messages to live clients. Values are part of the protocol. Never change one.
#pragma once

#include <string_view>

namespace kalam::live::codes {

inline constexpr std::string_view kSubscriptionLimit = "SUBSCRIPTION_LIMIT_EXCEEDED";
inline constexpr std::string_view kUnauthorized = "UNAUTHORIZED";
inline constexpr std::string_view kNotFound = "NOT_FOUND";
inline constexpr std::string_view kInvalidSql = "INVALID_SQL";
inline constexpr std::string_view kUnsupported = "UNSUPPORTED";
inline constexpr std::string_view kFailed = "SUBSCRIPTION_FAILED";
inline constexpr std::string_view kConversion = "CONVERSION_ERROR";
inline constexpr std::string_view kBatchFetch = "BATCH_FETCH_FAILED";
// Ours: the cursor is too old to tell what was deleted since; subscribe again without `from`.
inline constexpr std::string_view kResyncRequired = "RESYNC_REQUIRED";
// Ours: ends of a running subscription.
inline constexpr std::string_view kTableDropped = "TABLE_DROPPED";
inline constexpr std::string_view kKilled = "SUBSCRIPTION_KILLED";
// Sent by the transport, before a subscription exists.
inline constexpr std::string_view kAuthRequired = "AUTH_REQUIRED";
inline constexpr std::string_view kInvalidId = "INVALID_SUBSCRIPTION_ID";
inline constexpr std::string_view kMessageTooLarge = "MESSAGE_TOO_LARGE";
inline constexpr std::string_view kRateLimit = "RATE_LIMIT_EXCEEDED";
inline constexpr std::string_view kUnsupportedData = "UNSUPPORTED_DATA";
inline constexpr std::string_view kProtocol = "PROTOCOL";

}  // namespace kalam::live::codes
