// LiveRows: rows of a live message, each a map from column name to value, encoded as they are added.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "base/error.h"
#include "model/value.h"
#include "wire/live_body.h"

namespace kalam::wire {

// A column name encoded for one encoding. Made once per projection, used for every row.
struct LiveKey {
  std::string encoded;
};
LiveKey MakeLiveKey(LiveEncoding encoding, std::string_view column);

// Not thread-safe. Values are encoded as the SQL API encodes them (wire/value_json.h), with the same fields
// in the same order in both encodings.
class LiveRows {
 public:
  explicit LiveRows(LiveEncoding encoding);

  void BeginRow();
  // kInvalidOperation for NaN and infinity; then call DropRow.
  Status Add(const LiveKey& key, const Value& value);
  void EndRow();
  // Forgets the row that was begun.
  void DropRow();

  LiveEncoding encoding() const { return encoding_; }
  uint32_t size() const { return rows_; }  // ended rows
  size_t bytes() const { return text_.size(); }

  // The whole array. JSON: `[{..},{..}]`.
  std::string Finish() &&;

 private:
  std::string text_;
  size_t row_start_ = 0;
  uint32_t rows_ = 0;
  uint16_t fields_ = 0;  // of the row that was begun
  LiveEncoding encoding_;
};

}  // namespace kalam::wire
