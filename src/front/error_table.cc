#include "front/error_table.h"

#include <algorithm>
#include <array>
#include <variant>

namespace kalam::front {
namespace {

constexpr std::string_view kFailed = "SQL statement failed";
constexpr std::string_view kRequestFailed = "SQL request failed";
constexpr std::string_view kNotAllowed = "SQL statement is invalid or not allowed";
constexpr std::string_view kNotSplit = "Failed to parse SQL batch";
constexpr std::string_view kForEveryone = "";

// In the order of the enum, so that a lookup is an index.
constexpr auto kRows = std::to_array<ErrorRow>({
    {ErrorCode::kInternal, "INTERNAL_HANDLER_ERROR", 500, kRequestFailed},
    {ErrorCode::kIo, "INTERNAL_STORAGE_ERROR", 500, kRequestFailed},
    {ErrorCode::kCorruption, "INTERNAL_STORAGE_ERROR", 500, kRequestFailed},
    {ErrorCode::kUnavailable, "SERVICE_UNAVAILABLE", 503, kForEveryone},
    {ErrorCode::kCancelled, "SERVICE_UNAVAILABLE", 503, kForEveryone},
    {ErrorCode::kDeadline, "TIMEOUT_HANDLER_EXECUTION", 408, kForEveryone},
    {ErrorCode::kInvalidInput, "INVALID_INPUT", 400, kForEveryone},
    {ErrorCode::kEmptySql, "EMPTY_SQL", 400, kForEveryone},
    {ErrorCode::kBatchParse, "BATCH_PARSE_ERROR", 400, kNotSplit},
    {ErrorCode::kInvalidSql, "INVALID_SQL", 400, kNotAllowed},
    {ErrorCode::kSyntax, "INVALID_SQL_SYNTAX", 400,
     kForEveryone},  // the text quotes only what the caller sent
    {ErrorCode::kInvalidParameter, "INVALID_PARAMETER", 400, kForEveryone},
    {ErrorCode::kParamsWithBatch, "PARAMS_WITH_BATCH", 400, kForEveryone},
    {ErrorCode::kParamCountMismatch, "PARAM_COUNT_MISMATCH", 400, kForEveryone},
    {ErrorCode::kParamCountExceeded, "PARAM_COUNT_EXCEEDED", 400, kForEveryone},
    {ErrorCode::kParamSizeExceeded, "PARAM_SIZE_EXCEEDED", 400, kForEveryone},
    {ErrorCode::kParamTypeMismatch, "PARAM_TYPE_MISMATCH", 400, kForEveryone},
    {ErrorCode::kParamsNotSupported, "PARAMS_NOT_SUPPORTED", 400, kForEveryone},
    {ErrorCode::kUnauthenticated, "INVALID_CREDENTIALS", 401, kForEveryone},
    {ErrorCode::kTokenExpired, "TOKEN_EXPIRED", 401, kForEveryone},
    {ErrorCode::kRateLimited, "RATE_LIMIT_EXCEEDED", 429, kForEveryone},
    {ErrorCode::kInsufficientRole, "AUTH_INSUFFICIENT_ROLE", 403, kForEveryone},
    {ErrorCode::kPermissionDenied, "PERMISSION_DENIED", 403, kForEveryone},
    {ErrorCode::kNotFoundTable, "NOT_FOUND_TABLE", 404, kFailed},
    {ErrorCode::kNotFoundNamespace, "NOT_FOUND_NAMESPACE", 404, kForEveryone},
    {ErrorCode::kNotFoundStorage, "NOT_FOUND_STORAGE", 404, kForEveryone},
    {ErrorCode::kNotFoundUser, "NOT_FOUND_USER", 404, kForEveryone},
    {ErrorCode::kNotFound, "SQL_EXECUTION_ERROR", 400, kForEveryone},
    {ErrorCode::kAlreadyExists, "SQL_EXECUTION_ERROR", 400, kForEveryone},
    {ErrorCode::kConstraint, "SQL_EXECUTION_ERROR", 400, kForEveryone},
    {ErrorCode::kInvalidOperation, "SQL_EXECUTION_ERROR", 400, kForEveryone},
    {ErrorCode::kConflict, "SQL_EXECUTION_ERROR", 400, kForEveryone},
    {ErrorCode::kLimitExceeded, "SQL_EXECUTION_ERROR", 400, kForEveryone},
    {ErrorCode::kUnsupported, "NOT_IMPLEMENTED_FEATURE", 501, kForEveryone},
    {ErrorCode::kExecution, "SQL_EXECUTION_ERROR", 400, kFailed},
});

// kExecution is the last code; front_test checks that it still is.
constexpr size_t kCodes = static_cast<size_t>(ErrorCode::kExecution) + 1;

consteval bool EachCodeExactlyOnce() {
  if (kRows.size() != kCodes) return false;
  for (size_t i = 0; i < kRows.size(); ++i) {
    if (kRows[i].code != static_cast<ErrorCode>(i)) return false;
  }
  return true;
}
static_assert(EachCodeExactlyOnce(), "each ErrorCode has one row, in the order of the enum");

}  // namespace

std::span<const ErrorRow> ErrorTable() { return kRows; }

const ErrorRow& RowOf(ErrorCode code) { return kRows.at(static_cast<size_t>(code)); }

std::string_view WireCode(const Error& error) {
  if (error.code == ErrorCode::kUnsupported) {
    const bool transactions = std::ranges::any_of(error.details, [](const Detail& detail) {
      const auto* text = std::get_if<std::string>(&detail.value);
      return detail.key == "feature" && text != nullptr && *text == "transactions";
    });
    if (transactions) return "NOT_IMPLEMENTED_TRANSACTION";
  }
  return RowOf(error.code).wire;
}

}  // namespace kalam::front
