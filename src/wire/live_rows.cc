#include "wire/live_rows.h"

#include <cassert>
#include <utility>

#include "wire/json_text.h"
#include "wire/message_pack.h"
#include "wire/value_json.h"

namespace kalam::wire {

LiveKey MakeLiveKey(LiveEncoding encoding, std::string_view column) {
  LiveKey key;
  if (encoding == LiveEncoding::kJson) {
    AppendJsonString(column, key.encoded);
    key.encoded.push_back(':');
  } else {
    AppendPackString(column, key.encoded);
  }
  return key;
}

LiveRows::LiveRows(LiveEncoding encoding) : encoding_(encoding) {
  if (encoding_ == LiveEncoding::kJson) {
    text_.push_back('[');
  } else {
    text_.resize(kPackCountedArrayBytes);
  }
}

void LiveRows::BeginRow() {
  row_start_ = text_.size();
  fields_ = 0;
  if (encoding_ == LiveEncoding::kJson) {
    text_ += rows_ == 0 ? "{" : ",{";
  } else {
    text_.resize(text_.size() + kPackCountedMapBytes);
  }
}

Status LiveRows::Add(const LiveKey& key, const Value& value) {
  if (encoding_ == LiveEncoding::kJson && fields_ != 0) text_.push_back(',');
  text_ += key.encoded;
  ++fields_;
  const bool fits =
      encoding_ == LiveEncoding::kJson ? AppendJsonValue(value, text_) : AppendPackValue(value, text_);
  if (fits) return {};
  return Fail(ErrorCode::kInvalidOperation, "NaN and infinity cannot be given as JSON");
}

void LiveRows::EndRow() {
  if (encoding_ == LiveEncoding::kJson) {
    text_.push_back('}');
  } else {
    SetPackMap(row_start_, fields_, text_);
  }
  ++rows_;
}

void LiveRows::DropRow() { text_.resize(row_start_); }

std::string LiveRows::Finish() && {
  if (encoding_ == LiveEncoding::kJson) {
    text_.push_back(']');
  } else {
    SetPackArray(0, rows_, text_);
  }
  return std::move(text_);
}

}  // namespace kalam::wire
