#include "topics/payload.h"

#include <cmath>

#include "wire/json_text.h"
#include "wire/value_json.h"

namespace kalam::topics {
namespace {

Status AppendValue(const Value& value, std::string& out) {
  const bool real = value.kind == TypeKind::kFloat || value.kind == TypeKind::kDouble;
  if (real && !value.is_null && !std::isfinite(value.real)) {
    out += std::isnan(value.real) ? R"("NaN")" : value.real > 0 ? R"("Infinity")" : R"("-Infinity")";
    return {};
  }
  return wire::AppendValueJson(value, out);
}

void AppendQuoted(int64_t number, std::string& out) {
  out.push_back('"');
  wire::AppendInteger(number, out);
  out.push_back('"');
}

}  // namespace

PayloadForm::PayloadForm(catalog::TablePtr table)
    : table_(std::move(table)), primary_key_(table_->schema().primary_key()) {
  for (const Column& column : table_->schema().columns) {
    std::string& name = names_.emplace_back();
    wire::AppendJsonString(column.name, name);
    name.push_back(':');
  }
  table_member_ = R"(,"_table":)";
  wire::AppendJsonString(table_->full_name(), table_member_);
}

Status PayloadForm::AppendColumn(const hot::RowView& row, size_t ordinal, std::string& out) const {
  if (out.back() != '{') out.push_back(',');
  out += names_[ordinal];
  return AppendValue(row.Get(ordinal), out);
}

// The primary key, what is new, and what it was.
Status PayloadForm::AppendChanged(const RowChange& change, std::string& out) const {
  std::string old = R"("_old":{)";
  if (primary_key_) KALAM_TRY(AppendColumn(change.row, *primary_key_, out));
  for (size_t i = 0; i < names_.size(); ++i) {
    if (i == primary_key_ || Identical(change.row.Get(i), change.before->Get(i))) continue;
    KALAM_TRY(AppendColumn(change.row, i, out));
    KALAM_TRY(AppendColumn(*change.before, i, old));
  }
  if (out.back() != '{') out.push_back(',');
  out.append(old).push_back('}');
  return {};
}

Status PayloadForm::Append(const RowChange& change, PayloadMode mode, std::string& out) const {
  out.push_back('{');
  const bool changed = mode == PayloadMode::kDiff && change.operation == Operation::kUpdate;
  if (changed && change.before != nullptr) {
    KALAM_TRY(AppendChanged(change, out));
  } else if (mode == PayloadMode::kKey) {
    if (primary_key_) KALAM_TRY(AppendColumn(change.row, *primary_key_, out));
  } else {
    for (size_t i = 0; i < names_.size(); ++i) KALAM_TRY(AppendColumn(change.row, i, out));
  }
  if (out.back() != '{') out.push_back(',');
  out += R"("_seq":)";
  AppendQuoted(change.row.seq().value, out);
  out += change.row.deleted() ? R"(,"_deleted":true)" : R"(,"_deleted":false)";
  out += R"(,"_commit_seq":)";
  AppendQuoted(change.commit_seq.value, out);
  if (mode != PayloadMode::kKey) out += table_member_;
  if (change.filter_failed) out += R"(,"_filter_error":true)";
  out.push_back('}');
  return {};
}

Result<std::optional<std::string>> PayloadForm::KeyText(const hot::RowView& row) const {
  if (!primary_key_) return std::nullopt;
  const Value value = row.Get(*primary_key_);
  if (value.is_null) return std::nullopt;
  if (value.kind == TypeKind::kText) return std::string(value.text());
  std::string text;
  KALAM_TRY(AppendValue(value, text));
  // Numbers that JSON carries as text (BIGINT, DECIMAL, UUID) need no escapes.
  if (text.size() >= 2 && text.front() == '"') text = text.substr(1, text.size() - 2);
  return text;
}

}  // namespace kalam::topics
