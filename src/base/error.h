// Error values and Result<T>: how every fallible function of the server answers.
//
// Purpose: one closed list of codes that the caller can act on, a message for people and typed details for
// programs. HTTP status codes are not known here; `front` maps codes to them in one table. Threads: values,
// no shared state. Limits: none.
#pragma once

#include <cstdint>
#include <expected>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

namespace kalam {

// What went wrong, as precise as clients may need it. The wire name and HTTP status of each code stand in
// front/error_table.cc; add a code there in the same change.
enum class ErrorCode : uint8_t {
  kInternal,      // our bug
  kIo,            // disk or object store failed
  kCorruption,    // stored bytes do not decode
  kUnavailable,   // stopping, overloaded, or writes are refused after a failed sync
  kCancelled,     // the caller went away or the server stops
  kDeadline,      // the statement's time is over
  kInvalidInput,  // malformed request envelope
  kEmptySql,      // no statement in the payload
  kBatchParse,    // statements cannot be split
  kInvalidSql,    // statement kind unknown or not allowed
  kSyntax,        // statement text does not parse; details line, column
  kInvalidParameter,
  kParamsWithBatch,
  kParamCountMismatch,
  kParamCountExceeded,
  kParamSizeExceeded,
  kParamTypeMismatch,
  kParamsNotSupported,
  kUnauthenticated,  // credentials missing or wrong
  kTokenExpired,
  kRateLimited,
  kInsufficientRole,  // the statement needs another role
  kPermissionDenied,  // this object is not for this principal
  kNotFoundTable,
  kNotFoundNamespace,
  kNotFoundStorage,
  kNotFoundUser,
  kNotFound,          // any other named object
  kAlreadyExists,     // object or key
  kConstraint,        // NOT NULL, type, length of a value
  kInvalidOperation,  // understood, but makes no sense for this object
  kConflict,          // lost a race too often; retry
  kLimitExceeded,     // a configured limit
  kUnsupported,       // not built (yet); details feature
  kExecution,         // the engine refused the query (division by zero, cast, ...)
};

// The name of the code in logs and tests ("kSyntax" -> "syntax").
std::string_view ErrorCodeName(ErrorCode code);

// One typed fact for programs, e.g. {"expected", 2}.
struct Detail {
  std::string key;
  std::variant<int64_t, std::string, std::vector<std::string>> value;
};

struct [[nodiscard]] Error {
  ErrorCode code = ErrorCode::kInternal;
  std::string message;  // names the object and what to do; never a secret
  std::vector<Detail> details;

  Error() = default;
  Error(ErrorCode c, std::string m) : code(c), message(std::move(m)) {}

  // Adds a detail and returns the error, for use in `return`.
  Error With(std::string key, int64_t value) &&;
  Error With(std::string key, std::string value) &&;
  Error With(std::string key, std::vector<std::string> value) &&;
};

template <typename T>
using Result = std::expected<T, Error>;
using Status = std::expected<void, Error>;

// `return Fail(ErrorCode::kNotFound, "...")` from any function that returns a Result.
inline std::unexpected<Error> Fail(ErrorCode code, std::string message) {
  return std::unexpected<Error>(Error(code, std::move(message)));
}
inline std::unexpected<Error> Fail(Error error) { return std::unexpected<Error>(std::move(error)); }

// Propagates the error of a Status/Result expression.
#define KALAM_TRY(expr)                                                            \
  do {                                                                             \
    auto&& kalam_try_result = (expr);                                              \
    if (!kalam_try_result.has_value()) [[unlikely]]                                \
      return std::unexpected<::kalam::Error>(std::move(kalam_try_result).error()); \
  } while (false)

#define KALAM_CONCAT_INNER(a, b) a##b
#define KALAM_CONCAT(a, b) KALAM_CONCAT_INNER(a, b)
// `KALAM_ASSIGN(auto row, Decode(bytes));` declares or assigns, or propagates the error.
#define KALAM_ASSIGN(lhs, expr) KALAM_ASSIGN_INNER(KALAM_CONCAT(kalam_result_, __LINE__), lhs, expr)
#define KALAM_ASSIGN_INNER(tmp, lhs, expr)                          \
  auto tmp = (expr);                                                \
  if (!tmp.has_value()) [[unlikely]]                                \
    return std::unexpected<::kalam::Error>(std::move(tmp).error()); \
  lhs = std::move(*tmp)

}  // namespace kalam
