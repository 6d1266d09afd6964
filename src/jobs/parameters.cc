#include "jobs/parameters.h"

#include <fmt/format.h>

#include <boost/json.hpp>

namespace kalam::jobs {
namespace {

std::unexpected<Error> Missing(std::string_view name) {
  return Fail(ErrorCode::kInvalidInput, fmt::format("Missing required parameter: {}", name));
}
std::unexpected<Error> Wrong(std::string_view name, std::string_view expected) {
  return Fail(ErrorCode::kInvalidInput, fmt::format("Parameter {} must be {}", name, expected));
}

}  // namespace

Result<Parameters> Parameters::Parse(std::string_view json) {
  boost::system::error_code error;
  boost::json::value parsed = boost::json::parse(json, error);
  if (error || !parsed.is_object())
    return Fail(ErrorCode::kInvalidInput, "Job parameters must be a JSON object");
  return Parameters(std::move(parsed.get_object()));
}

Result<std::string> Parameters::Text(std::string_view name) const {
  const boost::json::value* value = values_.if_contains(name);
  if (value == nullptr || value->is_null()) return Missing(name);
  const boost::json::string* text = value->if_string();
  if (text == nullptr || text->empty()) return Wrong(name, "a non-empty text");
  return std::string(*text);
}

Result<int64_t> Parameters::Positive(std::string_view name) const {
  const boost::json::value* value = values_.if_contains(name);
  if (value == nullptr || value->is_null()) return Missing(name);
  const int64_t* number = value->if_int64();
  if (number == nullptr || *number <= 0) return Wrong(name, "a positive integer");
  return *number;
}

Result<int64_t> Parameters::PositiveOr(std::string_view name, int64_t otherwise) const {
  if (!Has(name)) return otherwise;
  return Positive(name);
}

Result<bool> Parameters::Flag(std::string_view name) const {
  const boost::json::value* value = values_.if_contains(name);
  if (value == nullptr || value->is_null()) return Missing(name);
  if (!value->is_bool()) return Wrong(name, "true or false");
  return value->get_bool();
}

std::string Parameters::TextOr(std::string_view name, std::string_view otherwise) const {
  const boost::json::value* value = values_.if_contains(name);
  const boost::json::string* text = value == nullptr ? nullptr : value->if_string();
  return text == nullptr ? std::string(otherwise) : std::string(*text);
}

std::string Parameters::Json() const { return boost::json::serialize(values_); }

}  // namespace kalam::jobs
