#include "wire/sql_response.h"

#include <algorithm>
#include <array>
#include <bit>
#include <cstring>
#include <optional>
#include <utility>
#include <variant>

#include "wire/time_text.h"

namespace kalam::wire {
namespace {

constexpr std::string_view kHead = R"({"status":"success","results":[)";

// Name that closed-enum clients know. Types of results only are shown as the nearest one.
std::string_view DataTypeName(TypeKind kind) {
  switch (kind) {
    case TypeKind::kBoolean:
      return R"("Boolean")";
    case TypeKind::kSmallInt:
      return R"("SmallInt")";
    case TypeKind::kInt:
      return R"("Int")";
    case TypeKind::kBigInt:
    case TypeKind::kHugeInt:
      return R"("BigInt")";
    case TypeKind::kFloat:
      return R"("Float")";
    case TypeKind::kDouble:
      return R"("Double")";
    case TypeKind::kTimestamp:
      return R"("Timestamp")";
    case TypeKind::kDate:
      return R"("Date")";
    case TypeKind::kDateTime:
      return R"("DateTime")";
    case TypeKind::kTime:
      return R"("Time")";
    case TypeKind::kJson:
      return R"("Json")";
    case TypeKind::kBytes:
      return R"("Bytes")";
    case TypeKind::kUuid:
      return R"("Uuid")";
    case TypeKind::kFile:
      return R"("File")";
    case TypeKind::kText:
    case TypeKind::kNull:
    case TypeKind::kUBigInt:
    case TypeKind::kList:
    case TypeKind::kEmbedding:
    case TypeKind::kDecimal:
      return R"("Text")";
  }
  return R"("Text")";
}

void AppendDataType(const DataType& type, std::string& out) {
  if (type.kind == TypeKind::kEmbedding) {
    out += R"({"Embedding":)";
    AppendUnsigned(type.dimension, out);
    out.push_back('}');
  } else if (type.kind == TypeKind::kDecimal) {
    out += R"({"Decimal":{"precision":)";
    AppendUnsigned(type.precision, out);
    out += R"(,"scale":)";
    AppendUnsigned(type.scale, out);
    out += "}}";
  } else {
    out += DataTypeName(type.kind);
  }
}

// `scale` digits stand after the point; the sign of -0.5 is kept.
void AppendDecimalText(Int128 number, uint8_t scale, std::string& out) {
  __extension__ using UInt128 = unsigned __int128;
  UInt128 size = number < 0 ? UInt128{0} - static_cast<UInt128>(number) : static_cast<UInt128>(number);
  std::array<char, 300> text;  // 39 digits, or a zero before `scale` (at most 255) of them
  size_t start = text.size();
  for (size_t digits = 0; size != 0 || digits <= scale; ++digits) {
    if (digits == scale && scale != 0) text[--start] = '.';
    text[--start] = static_cast<char>('0' + static_cast<int>(size % 10));
    size /= 10;
  }
  if (number < 0) out.push_back('-');
  out.append(text.data() + start, text.size() - start);
}

void AppendUuidText(Int128 number, std::string& out) {
  static constexpr char kHex[] = "0123456789abcdef";
  __extension__ using UInt128 = unsigned __int128;
  const auto bits = static_cast<UInt128>(number);
  for (int i = 0; i < 16; ++i) {
    if (i == 4 || i == 6 || i == 8 || i == 10) out.push_back('-');
    const auto byte = static_cast<uint8_t>(bits >> (120 - 8 * i));
    out.push_back(kHex[byte >> 4]);
    out.push_back(kHex[byte & 15]);
  }
}

void AppendByteArray(std::string_view bytes, std::string& out) {
  out.push_back('[');
  for (size_t i = 0; i < bytes.size(); ++i) {
    if (i != 0) out.push_back(',');
    AppendUnsigned(static_cast<unsigned char>(bytes[i]), out);
  }
  out.push_back(']');
}

bool AppendEmbedding(std::string_view bytes, std::string& out) {
  static_assert(std::endian::native == std::endian::little);
  out.push_back('[');
  for (size_t i = 0; i + sizeof(float) <= bytes.size(); i += sizeof(float)) {
    if (i != 0) out.push_back(',');
    float element = 0;
    std::memcpy(&element, bytes.data() + i, sizeof element);
    if (!AppendDouble(static_cast<double>(element), out)) return false;
  }
  out.push_back(']');
  return true;
}

// False for numbers that JSON has no text for.
bool AppendValue(const Value& value, std::string& out) {
  if (value.is_null) {
    out += "null";
    return true;
  }
  switch (value.kind) {
    case TypeKind::kNull:
      out += "null";
      return true;
    case TypeKind::kBoolean:
      out += value.integer != 0 ? "true" : "false";
      return true;
    case TypeKind::kSmallInt:
    case TypeKind::kInt:
    case TypeKind::kDate:
    case TypeKind::kTime:
    case TypeKind::kTimestamp:
    case TypeKind::kDateTime:
      AppendInteger(value.integer, out);
      return true;
    case TypeKind::kBigInt:
      out.push_back('"');
      AppendInteger(value.integer, out);
      out.push_back('"');
      return true;
    case TypeKind::kUBigInt:
      out.push_back('"');
      AppendUnsigned(static_cast<uint64_t>(value.integer), out);
      out.push_back('"');
      return true;
    case TypeKind::kFloat:
    case TypeKind::kDouble:
      return AppendDouble(value.real, out);
    case TypeKind::kDecimal:
    case TypeKind::kHugeInt:
      out.push_back('"');
      AppendDecimalText(value.wide, value.kind == TypeKind::kDecimal ? value.scale : 0, out);
      out.push_back('"');
      return true;
    case TypeKind::kUuid:
      out.push_back('"');
      AppendUuidText(value.wide, out);
      out.push_back('"');
      return true;
    case TypeKind::kText:
    case TypeKind::kJson:
    case TypeKind::kFile:
      AppendJsonString(value.text(), out);
      return true;
    case TypeKind::kBytes:
      AppendByteArray(value.text(), out);
      return true;
    case TypeKind::kEmbedding:
      return AppendEmbedding(value.text(), out);
    case TypeKind::kList:
      out += value.text();  // JSON text already
      return true;
  }
  out += "null";
  return true;
}

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

Status AppendValueJson(const Value& value, std::string& out) {
  const size_t start = out.size();
  if (AppendValue(value, out)) return {};
  out.resize(start);
  return Fail(ErrorCode::kInvalidOperation, "NaN and infinity cannot be given as JSON");
}

void AppendResultColumnJson(const ResultColumn& column, size_t index, std::string& out) {
  out += R"({"name":)";
  AppendJsonString(column.name, out);
  out += R"(,"data_type":)";
  AppendDataType(column.type, out);
  out += R"(,"index":)";
  AppendUnsigned(index, out);
  if (column.primary_key) {
    out += column.not_null ? R"(,"flags":["pk","nn","uq"])" : R"(,"flags":["pk","uq"])";
  } else if (column.not_null) {
    out += R"(,"flags":["nn"])";
  }
  out.push_back('}');
}

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
    } else if (!AppendValue(values[i], body_)) {
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
      dml_rows_[*dml] += outcome.rows_affected;
      dml_seen_[*dml] = true;
      if (dml_user_.empty()) dml_user_ = as_user_;
    } else {
      AppendOutcome(outcome, as_user_);
    }
  }
  has_rows_ = false;
  statement_start_ = body_.size();
}

void SqlResponse::AppendTotals() {
  for (size_t i = 0; i < kDmlKinds.size(); ++i) {
    if (dml_seen_[i]) AppendOutcome({kDmlKinds[i].kind, dml_rows_[i], {}}, dml_user_);
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
