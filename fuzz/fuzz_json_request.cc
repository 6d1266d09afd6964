// Request bodies: whatever arrives, the decoders answer with a value or an error, and what they decode can be
// given back as JSON that decodes to the same.
#include <cstdint>
#include <cstdlib>
#include <string>

#include "wire/auth_request.h"
#include "wire/json_text.h"
#include "wire/sql_request.h"
#include "wire/sql_response.h"
#include "wire/value_json.h"

namespace {

using kalam::TypeKind;
using kalam::Value;

void Require(bool condition) {
  if (!condition) std::abort();
}

// Parameters as JSON numbers and strings again. BIGINT is text in answers, but not in requests.
void AppendParameter(const Value& value, std::string& out) {
  if (!value.is_null && value.kind == TypeKind::kBigInt) {
    kalam::wire::AppendInteger(value.integer, out);
  } else {
    Require(kalam::wire::AppendValueJson(value, out).has_value());
  }
}

std::string Encode(const kalam::wire::SqlRequestBody& body) {
  std::string json = R"({"sql":)";
  kalam::wire::AppendJsonString(body.sql(), json);
  if (body.has_parameters_field()) {
    json += R"(,"params":[)";
    for (const Value& value : body.parameters()) {
      if (&value != body.parameters().data()) json.push_back(',');
      AppendParameter(value, json);
    }
    json.push_back(']');
  }
  if (body.name_space()) {
    json += R"(,"namespace_id":)";
    kalam::wire::AppendJsonString(*body.name_space(), json);
  }
  json.push_back('}');
  return json;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::string_view json(reinterpret_cast<const char*>(data), size);
  (void)kalam::wire::ParseLoginRequest(json);
  (void)kalam::wire::ParseSetupRequest(json);

  kalam::wire::SqlRequestBody body;
  const auto parsed = body.Parse(json);
  if (!parsed) {
    Require(!parsed.error().message.empty());
    return 0;
  }
  kalam::wire::SqlRequestBody again;
  Require(again.Parse(Encode(body)).has_value());
  Require(again.sql() == body.sql());
  Require(again.name_space() == body.name_space());
  Require(again.parameters().size() == body.parameters().size());
  for (size_t i = 0; i < body.parameters().size(); ++i) {
    Require(kalam::Identical(again.parameters()[i], body.parameters()[i]));
  }
  return 0;
}
