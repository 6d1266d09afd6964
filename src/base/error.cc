#include "base/error.h"

namespace kalam {

std::string_view ErrorCodeName(ErrorCode code) {
  switch (code) {
    case ErrorCode::kInternal:
      return "internal";
    case ErrorCode::kIo:
      return "io";
    case ErrorCode::kCorruption:
      return "corruption";
    case ErrorCode::kUnavailable:
      return "unavailable";
    case ErrorCode::kCancelled:
      return "cancelled";
    case ErrorCode::kDeadline:
      return "deadline";
    case ErrorCode::kInvalidInput:
      return "invalid_input";
    case ErrorCode::kEmptySql:
      return "empty_sql";
    case ErrorCode::kBatchParse:
      return "batch_parse";
    case ErrorCode::kInvalidSql:
      return "invalid_sql";
    case ErrorCode::kSyntax:
      return "syntax";
    case ErrorCode::kInvalidParameter:
      return "invalid_parameter";
    case ErrorCode::kParamsWithBatch:
      return "params_with_batch";
    case ErrorCode::kParamCountMismatch:
      return "param_count_mismatch";
    case ErrorCode::kParamCountExceeded:
      return "param_count_exceeded";
    case ErrorCode::kParamSizeExceeded:
      return "param_size_exceeded";
    case ErrorCode::kParamTypeMismatch:
      return "param_type_mismatch";
    case ErrorCode::kParamsNotSupported:
      return "params_not_supported";
    case ErrorCode::kUnauthenticated:
      return "unauthenticated";
    case ErrorCode::kTokenExpired:
      return "token_expired";
    case ErrorCode::kRateLimited:
      return "rate_limited";
    case ErrorCode::kInsufficientRole:
      return "insufficient_role";
    case ErrorCode::kPermissionDenied:
      return "permission_denied";
    case ErrorCode::kNotFoundTable:
      return "not_found_table";
    case ErrorCode::kNotFoundNamespace:
      return "not_found_namespace";
    case ErrorCode::kNotFoundStorage:
      return "not_found_storage";
    case ErrorCode::kNotFoundUser:
      return "not_found_user";
    case ErrorCode::kNotFound:
      return "not_found";
    case ErrorCode::kAlreadyExists:
      return "already_exists";
    case ErrorCode::kConstraint:
      return "constraint";
    case ErrorCode::kInvalidOperation:
      return "invalid_operation";
    case ErrorCode::kConflict:
      return "conflict";
    case ErrorCode::kLimitExceeded:
      return "limit_exceeded";
    case ErrorCode::kUnsupported:
      return "unsupported";
    case ErrorCode::kExecution:
      return "execution";
  }
  return "unknown";
}

Error Error::With(std::string key, int64_t value) && {
  details.push_back({std::move(key), value});
  return std::move(*this);
}

Error Error::With(std::string key, std::string value) && {
  details.push_back({std::move(key), std::move(value)});
  return std::move(*this);
}

Error Error::With(std::string key, std::vector<std::string> value) && {
  details.push_back({std::move(key), std::move(value)});
  return std::move(*this);
}

}  // namespace kalam
