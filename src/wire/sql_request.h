// The body of POST /v1/api/sql, decoded.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.h"
#include "model/value.h"

namespace kalam::wire {

// Owns everything its views point to. Reused by one connection for one request after the other. Not
// thread-safe.
class SqlRequestBody {
 public:
  SqlRequestBody();
  ~SqlRequestBody();
  SqlRequestBody(const SqlRequestBody&) = delete;
  SqlRequestBody& operator=(const SqlRequestBody&) = delete;

  // Decodes {"sql": text, "params": array or null, "namespace_id" or "namespace": text or null}. Unknown
  // fields are ignored. kInvalidInput "Invalid JSON payload: ..." for bad JSON, a missing or wrong-typed
  // field, or two different namespaces; kInvalidParameter "Parameter $2 invalid: Array parameters not yet
  // supported" (Object ...) for nested parameters. Integers that fit become BIGINT, other numbers DOUBLE,
  // null a NULL of type TEXT.
  Status Parse(std::string_view json);

  // Forgets the request and gives back the buffers of an unusually large one.
  void Trim();

  // Valid until the next Parse.
  std::string_view sql() const { return sql_; }
  const std::vector<Value>& parameters() const { return parameters_; }
  bool has_parameters_field() const { return has_parameters_field_; }
  std::optional<std::string_view> name_space() const { return namespace_; }

 private:
  struct Parser;
  void Clear();

  std::unique_ptr<Parser> parser_;
  std::string_view sql_;
  std::vector<Value> parameters_;
  std::optional<std::string_view> namespace_;
  bool has_parameters_field_ = false;
};

}  // namespace kalam::wire
