// Parameters of a job: one JSON object, read by name with errors that name the missing or wrong one.
#pragma once

#include <boost/json/object.hpp>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "base/error.h"

namespace kalam::jobs {

class Parameters {
 public:
  Parameters() = default;
  explicit Parameters(boost::json::object values) : values_(std::move(values)) {}
  // kInvalidInput when the text is not a JSON object.
  static Result<Parameters> Parse(std::string_view json);

  void Set(std::string_view name, std::string_view text) { values_[name] = text; }
  void Set(std::string_view name, int64_t number) { values_[name] = number; }
  void SetFlag(std::string_view name, bool flag) { values_[name] = flag; }
  bool Has(std::string_view name) const { return values_.contains(name); }

  // kInvalidInput: "Missing required parameter: table_id"; "Parameter table_id must be a non-empty text".
  Result<std::string> Text(std::string_view name) const;
  // "Parameter ttl_seconds must be a positive integer".
  Result<int64_t> Positive(std::string_view name) const;
  Result<int64_t> PositiveOr(std::string_view name, int64_t otherwise) const;
  Result<bool> Flag(std::string_view name) const;
  std::string TextOr(std::string_view name, std::string_view otherwise) const;

  std::string Json() const;

 private:
  boost::json::object values_;
};

}  // namespace kalam::jobs
