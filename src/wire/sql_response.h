// The answer of POST /v1/api/sql, written as JSON text while the statements run.
//
// Shape (reference http-api 2.5; field names and order are what closed-enum clients decode):
//   {"status":"success","results":[{"schema":[..],"rows":[[..]],"row_count":n,"as_user":"u"} |
//   {"row_count":n,"message":"..",
//    "as_user":"u"}],"took":1.234,"request_id":"..","elapsed_ms":1.234}
// Every result also carries "rows_affected" when it is not a row result. A result that a row cap cut carries
// "truncated":true. With more than one statement the DML results are summed into one result per kind and user
// that it ran as, appended at the end in the order inserted, updated, deleted (a kind that ran with 0 rows is
// listed too).
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/error.h"
#include "model/result.h"

namespace kalam::wire {

// One request's answer. Not thread-safe; handed from thread to thread with the request.
class SqlResponse final : public RowSink {
 public:
  // `bytes_max`: limit of the body; Row fails with kLimitExceeded naming it and the setting
  // limits.max_response_bytes.
  SqlResponse(size_t statement_count, size_t bytes_max);

  // Starts statement results. `mask_secrets`: columns named credentials or password_hash show "***".
  void BeginStatement(std::string_view as_user, bool mask_secrets);
  // RowSink: a row result of the current statement. Begin may be called again after ForgetRows.
  void Begin(std::span<const ResultColumn> columns) override;
  Status Row(std::span<const Value> values) override;
  int64_t rows() const { return rows_; }
  // Drops what the current statement has written so far (a query that is tried again).
  void ForgetRows();
  void SetTruncated() { truncated_ = true; }
  // Ends the statement: closes the rows, or writes the message result.
  void EndStatement(const Outcome& outcome);

  // The whole body; the object is spent afterwards.
  std::string FinishSuccess(std::string_view request_id, double elapsed_ms) &&;
  // {"status":"error","results":[],"took":..,"error":{"code":..,"message":..,"details":..,"request_id":..,"timestamp":..},"request_id":..,..}
  struct ErrorInfo {
    std::string_view code;
    std::string_view message;
    const Error* details = nullptr;  // its typed details as an object, or
    std::string_view details_text;   // a text (the statement's SQL, admins only)
    int64_t statement_index = 0;     // 1-based, 0 = none
    int64_t wall_micros = 0;
  };
  static std::string FinishError(const ErrorInfo& error, std::string_view request_id, double elapsed_ms);

 private:
  void AppendSeparator();
  void AppendOutcome(const Outcome& outcome, std::string_view as_user);
  void AddToTotal(size_t kind, int64_t rows);
  void AppendTotals();

  std::string body_;
  size_t statement_count_;
  size_t bytes_max_;
  size_t statement_start_ = 0;  // where the current statement's result begins in body_
  std::string as_user_;
  std::vector<std::pair<size_t, std::string>> real_columns_;  // position and name of those that may hold NaN
  std::vector<bool> masked_;                                  // empty: none
  bool mask_secrets_ = false;
  bool has_rows_ = false;
  bool truncated_ = false;
  int64_t rows_ = 0;
  // DML of a batch, by kind and by whom it ran as.
  struct Total {
    size_t kind;
    std::string as_user;
    int64_t rows;
  };
  std::vector<Total> totals_;
};

}  // namespace kalam::wire
