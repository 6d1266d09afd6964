#include "wire/sql_response.h"

#include <algorithm>
#include <array>
#include <optional>
#include <utility>
#include <variant>

#include "wire/json_text.h"
#include "wire/time_text.h"
#include "wire/value_json.h"

namespace kalam::wire {
namespace {

constexpr std::string_view kHead = R"({"status":"success","results":[)";

bool EqualsIgnoringCase(std::string_view name, std::string_view lower) {
  return name.size() == lower.size() &&
         std::equal(name.begin(), name.end(), lower.begin(), [](char a, char b) {
           return (a >= 'A' && a <= 'Z' ? static_cast<char>(a + 32) : a) == b;
         });
}

bool IsSecretColumn(std::string_view name) {
  return EqualsIgnoringCase(name, "credentials") || EqualsIgnoringCase(name, "password_hash");
}

struct DmlKind {
  OutcomeKind kind;
  std::string_view word;
};
constexpr std::array<DmlKind, 3> kDmlKinds = {{{OutcomeKind::kInserted, "Inserted"},
                                               {OutcomeKind::kUpdated, "Updated"},
                                               {OutcomeKind::kDeleted, "Deleted"}}};

std::optional<size_t> DmlIndex(OutcomeKind kind) {
  for (size_t i = 0; i < kDmlKinds.size(); ++i) {
    if (kDmlKinds[i].kind == kind) return i;
  }
  return std::nullopt;
}

void AppendDetails(const Error& error, std::string& out) {
  out.push_back('{');
  for (const Detail& detail : error.details) {
    if (&detail != error.details.data()) out.push_back(',');
    AppendJsonString(detail.key, out);
    out.push_back(':');
    if (const auto* number = std::get_if<int64_t>(&detail.value)) {
      AppendInteger(*number, out);
    } else if (const auto* text = std::get_if<std::string>(&detail.value)) {
      AppendJsonString(*text, out);
    } else {
      const auto& list = std::get<std::vector<std::string>>(detail.value);
      out.push_back('[');
      for (const std::string& element : list) {
        if (&element != list.data()) out.push_back(',');
        AppendJsonString(element, out);
      }
      out.push_back(']');
    }
  }
  out.push_back('}');
}

}  // namespace

SqlResponse::SqlResponse(size_t statement_count, size_t bytes_max)
    : statement_count_(statement_count), bytes_max_(bytes_max) {
  body_.reserve(512);
  body_ += kHead;
  statement_start_ = body_.size();
}

void SqlResponse::AppendSeparator() {
  if (body_.size() > kHead.size()) body_.push_back(',');
}

void SqlResponse::BeginStatement(std::string_view as_user, bool mask_secrets) {
  statement_start_ = body_.size();
  as_user_ = as_user;
  mask_secrets_ = mask_secrets;
  ForgetRows();
}

void SqlResponse::Begin(std::span<const ResultColumn> columns) {
  ForgetRows();
  has_rows_ = true;
  real_columns_.clear();
  masked_.clear();
  AppendSeparator();
  body_ += R"({"schema":[)";
  for (size_t i = 0; i < columns.size(); ++i) {
    if (i != 0) body_.push_back(',');
    AppendResultColumnJson(columns[i], i, body_);
    const TypeKind kind = columns[i].type.kind;
    if (kind == TypeKind::kDouble || kind == TypeKind::kFloat || kind == TypeKind::kEmbedding) {
      real_columns_.emplace_back(i, columns[i].name);
    }
    if (mask_secrets_ && IsSecretColumn(columns[i].name)) {
      masked_.resize(columns.size());
      masked_[i] = true;
    }
  }
  body_ += R"(],"rows":[)";
}

Status SqlResponse::Row(std::span<const Value> values) {
  const size_t row_start = body_.size();
  body_ += rows_ == 0 ? "[" : ",[";
  for (size_t i = 0; i < values.size(); ++i) {
    if (i != 0) body_.push_back(',');
    if (!masked_.empty() && masked_[i] && !values[i].is_null) {
      body_ += R"("***")";
    } else if (!AppendJsonValue(values[i], body_)) {
      body_.resize(row_start);
      const auto column = std::ranges::find(real_columns_, i, &std::pair<size_t, std::string>::first);
      const std::string name =
          column == real_columns_.end() ? std::to_string(i + 1) : "'" + column->second + "'";
      return Fail(
          ErrorCode::kInvalidOperation,
          "Column " + name + " holds NaN or infinity, which cannot be given as JSON; cast it to TEXT");
    }
  }
  body_.push_back(']');
  if (body_.size() > bytes_max_) {
    body_.resize(row_start);
    return Fail(ErrorCode::kLimitExceeded,
                "Result too large: the response would exceed " + std::to_string(bytes_max_) +
                    " bytes (limits.max_response_bytes); add a LIMIT or select fewer columns");
  }
  ++rows_;
  return {};
}

void SqlResponse::ForgetRows() {
  body_.resize(statement_start_);
  has_rows_ = false;
  truncated_ = false;
  rows_ = 0;
}

void SqlResponse::AppendOutcome(const Outcome& outcome, std::string_view as_user) {
  AppendSeparator();
  body_ += R"({"row_count":)";
  if (const auto dml = DmlIndex(outcome.kind)) {
    AppendInteger(outcome.rows_affected, body_);
    body_ += R"(,"message":")";
    body_ += kDmlKinds[*dml].word;
    body_.push_back(' ');
    AppendInteger(outcome.rows_affected, body_);
    body_ += " row(s)\"";
  } else {
    body_ += R"(0,"message":)";
    AppendJsonString(outcome.message, body_);
  }
  body_ += R"(,"as_user":)";
  AppendJsonString(as_user, body_);
  body_ += R"(,"rows_affected":)";
  AppendInteger(outcome.rows_affected, body_);
  body_.push_back('}');
}

void SqlResponse::EndStatement(const Outcome& outcome) {
  if (outcome.kind == OutcomeKind::kRows) {
    if (!has_rows_) Begin({});
    body_ += R"(],"row_count":)";
    AppendInteger(rows_, body_);
    body_ += R"(,"as_user":)";
    AppendJsonString(as_user_, body_);
    if (truncated_) body_ += R"(,"truncated":true)";
    body_.push_back('}');
  } else {
    ForgetRows();
    const auto dml = DmlIndex(outcome.kind);
    if (dml && statement_count_ > 1) {
      AddToTotal(*dml, outcome.rows_affected);
    } else {
      AppendOutcome(outcome, as_user_);
    }
  }
  has_rows_ = false;
  statement_start_ = body_.size();
}

void SqlResponse::AddToTotal(size_t kind, int64_t rows) {
  for (Total& total : totals_) {
    if (total.kind != kind || total.as_user != as_user_) continue;
    total.rows += rows;
    return;
  }
  totals_.push_back({kind, as_user_, rows});
}

void SqlResponse::AppendTotals() {
  for (size_t kind = 0; kind < kDmlKinds.size(); ++kind) {
    for (const Total& total : totals_) {
      if (total.kind == kind) AppendOutcome({kDmlKinds[kind].kind, total.rows, {}}, total.as_user);
    }
  }
}

std::string SqlResponse::FinishSuccess(std::string_view request_id, double elapsed_ms) && {
  AppendTotals();
  body_ += R"(],"took":)";
  AppendMillis(elapsed_ms, body_);
  body_ += R"(,"request_id":)";
  AppendJsonString(request_id, body_);
  body_ += R"(,"elapsed_ms":)";
  AppendMillis(elapsed_ms, body_);
  body_.push_back('}');
  return std::move(body_);
}

std::string SqlResponse::FinishError(const ErrorInfo& error, std::string_view request_id, double elapsed_ms) {
  std::string out;
  out.reserve(256 + error.message.size());
  out += R"({"status":"error","results":[],"took":)";
  AppendMillis(elapsed_ms, out);
  out += R"(,"error":{"code":)";
  AppendJsonString(error.code, out);
  out += R"(,"message":)";
  AppendJsonString(error.message, out);
  if (error.details != nullptr && !error.details->details.empty()) {
    out += R"(,"details":)";
    AppendDetails(*error.details, out);
  } else if (!error.details_text.empty()) {
    out += R"(,"details":)";
    AppendJsonString(error.details_text, out);
  }
  if (error.statement_index > 0) {
    out += R"(,"statement_index":)";
    AppendInteger(error.statement_index, out);
  }
  out += R"(,"request_id":)";
  AppendJsonString(request_id, out);
  out += R"(,"timestamp":")";
  AppendRfc3339(error.wall_micros, 3, "Z", out);
  out += R"("},"request_id":)";
  AppendJsonString(request_id, out);
  out += R"(,"elapsed_ms":)";
  AppendMillis(elapsed_ms, out);
  out.push_back('}');
  return out;
}

}  // namespace kalam::wire
