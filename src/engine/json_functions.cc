// JSON as clients of this protocol know it: ->, ->>, ? and the functions json_get, json_get_str, json_as_text
// and their relatives. All go down a path of keys and positions: json_get(document, 'a', 0, 'b').
//
// They differ from DuckDB's where it shows: a text that is no JSON has no members (NULL) instead of failing
// the statement, since columns of type JSON are not validated and one row must not spoil the others; a key is
// never a path ($.a, /a, *). Numbers are given as they are written. Threads and errors: as every scalar
// function of DuckDB; memory comes from its allocator and is given back after each row.
#include <yyjson.hpp>

#include <charconv>
#include <optional>
#include <string_view>

#include "duckdb/common/types/data_chunk.hpp"
#include "duckdb/function/scalar_function.hpp"
#include "duckdb/storage/arena_allocator.hpp"
#include "duckdb/storage/buffer_manager.hpp"
#include "engine/scalar_functions.h"

namespace kalam::engine {
namespace {

using duckdb::LogicalType;
using duckdb::LogicalTypeId;
using duckdb::ScalarFunction;
using duckdb::Vector;
using duckdb_yyjson::yyjson_alc;
using duckdb_yyjson::yyjson_doc;
using duckdb_yyjson::yyjson_val;
using Arguments = duckdb::vector<duckdb::unique_ptr<duckdb::Expression>>;

// --- one document

class Document {
 public:
  explicit Document(duckdb::Allocator& allocator) : arena_(allocator) {
    memory_.ctx = &arena_;
    memory_.malloc = [](void* arena, size_t size) -> void* {
      return static_cast<duckdb::ArenaAllocator*>(arena)->AllocateAligned(size);
    };
    memory_.realloc = [](void* arena, void* old, size_t old_size, size_t size) -> void* {
      return static_cast<duckdb::ArenaAllocator*>(arena)->ReallocateAligned(
          static_cast<duckdb::data_ptr_t>(old), old_size, size);
    };
    memory_.free = [](void*, void*) {};
  }

  // The root, or null for a text that is no JSON. Values live until the next call.
  yyjson_val* Parse(std::string_view text) {
    arena_.Reset();
    constexpr auto kFlags = duckdb_yyjson::YYJSON_READ_NUMBER_AS_RAW;
    yyjson_doc* const document = duckdb_yyjson::yyjson_read_opts(const_cast<char*>(text.data()), text.size(),
                                                                 kFlags, &memory_, nullptr);
    return duckdb_yyjson::yyjson_doc_get_root(document);
  }

  // JSON without white space. Lives until the next Parse.
  std::string_view Write(yyjson_val* value) {
    size_t size = 0;
    const char* const text = duckdb_yyjson::yyjson_val_write_opts(value, duckdb_yyjson::YYJSON_WRITE_NOFLAG,
                                                                  &memory_, &size, nullptr);
    return text == nullptr ? std::string_view() : std::string_view(text, size);
  }

 private:
  duckdb::ArenaAllocator arena_;
  yyjson_alc memory_{};
};

std::string_view TextOf(yyjson_val* value) {
  return {duckdb_yyjson::unsafe_yyjson_get_str(value), duckdb_yyjson::unsafe_yyjson_get_len(value)};
}

template <typename Number>
std::optional<Number> NumberOf(yyjson_val* value) {
  if (!duckdb_yyjson::yyjson_is_raw(value)) return std::nullopt;
  const std::string_view text = TextOf(value);
  Number number{};
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (error != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return number;
}

// --- the path

// The keys of one argument: names of members (VARCHAR) or positions in lists (BIGINT).
class KeyColumn {
 public:
  KeyColumn(Vector& keys, size_t count) : names_(keys.GetType().id() == LogicalTypeId::VARCHAR) {
    keys.ToUnifiedFormat(count, format_);
  }

  // Null when there is no such member.
  yyjson_val* Step(yyjson_val* from, size_t row) const {
    const size_t index = format_.sel->get_index(row);
    if (!format_.validity.RowIsValid(index)) return nullptr;
    if (names_) {
      if (!duckdb_yyjson::yyjson_is_obj(from)) return nullptr;
      const auto& name = duckdb::UnifiedVectorFormat::GetData<duckdb::string_t>(format_)[index];
      return duckdb_yyjson::yyjson_obj_getn(from, name.GetData(), name.GetSize());
    }
    if (!duckdb_yyjson::yyjson_is_arr(from)) return nullptr;
    const auto size = static_cast<int64_t>(duckdb_yyjson::yyjson_arr_size(from));
    int64_t position = duckdb::UnifiedVectorFormat::GetData<int64_t>(format_)[index];
    if (position < 0) position += size;  // from the end
    if (position < 0 || position >= size) return nullptr;
    return duckdb_yyjson::yyjson_arr_get(from, static_cast<size_t>(position));
  }

 private:
  bool names_;
  duckdb::UnifiedVectorFormat format_;
};

// Puts the value (null: there is none) of one row into the result. False for NULL.
using Giver = bool (*)(Document& document, yyjson_val* value, Vector& result, size_t row);

template <Giver Give>
void Run(duckdb::DataChunk& arguments, duckdb::ExpressionState& state, Vector& result) {
  const size_t count = arguments.size();
  duckdb::UnifiedVectorFormat texts;
  arguments.data[0].ToUnifiedFormat(count, texts);
  std::vector<KeyColumn> path;
  for (size_t i = 1; i < arguments.ColumnCount(); ++i) path.emplace_back(arguments.data[i], count);
  Document document(duckdb::BufferAllocator::Get(state.GetContext()));
  for (size_t row = 0; row < count; ++row) {
    const size_t index = texts.sel->get_index(row);
    bool valid = texts.validity.RowIsValid(index);
    if (valid) {
      const auto& text = duckdb::UnifiedVectorFormat::GetData<duckdb::string_t>(texts)[index];
      yyjson_val* value = document.Parse({text.GetData(), text.GetSize()});
      for (size_t i = 0; i < path.size() && value != nullptr; ++i) value = path[i].Step(value, row);
      valid = Give(document, value, result, row);
    }
    if (!valid) duckdb::FlatVector::SetNull(result, row, true);
  }
}

// --- what is given

bool GiveText(std::string_view text, Vector& result, size_t row) {
  duckdb::FlatVector::GetData<duckdb::string_t>(result)[row] =
      duckdb::StringVector::AddString(result, text.data(), text.size());
  return true;
}

bool GiveJson(Document& document, yyjson_val* value, Vector& result, size_t row) {
  return value != nullptr && GiveText(document.Write(value), result, row);
}

bool GiveAsText(Document& document, yyjson_val* value, Vector& result, size_t row) {
  if (value == nullptr || duckdb_yyjson::yyjson_is_null(value)) return false;
  const bool plain = duckdb_yyjson::yyjson_is_str(value) || duckdb_yyjson::yyjson_is_raw(value);
  return GiveText(plain ? TextOf(value) : document.Write(value), result, row);
}

bool GiveString(Document&, yyjson_val* value, Vector& result, size_t row) {
  return value != nullptr && duckdb_yyjson::yyjson_is_str(value) && GiveText(TextOf(value), result, row);
}

template <typename Number>
bool GiveNumber(Document&, yyjson_val* value, Vector& result, size_t row) {
  const auto number = value == nullptr ? std::nullopt : NumberOf<Number>(value);
  if (number) duckdb::FlatVector::GetData<Number>(result)[row] = *number;
  return number.has_value();
}

bool GiveBoolean(Document&, yyjson_val* value, Vector& result, size_t row) {
  if (value == nullptr || !duckdb_yyjson::yyjson_is_bool(value)) return false;
  duckdb::FlatVector::GetData<bool>(result)[row] = duckdb_yyjson::unsafe_yyjson_get_bool(value);
  return true;
}

bool GiveWhetherFound(Document&, yyjson_val* value, Vector& result, size_t row) {
  duckdb::FlatVector::GetData<bool>(result)[row] = value != nullptr;
  return true;
}

bool GiveLength(Document&, yyjson_val* value, Vector& result, size_t row) {
  if (value == nullptr || !duckdb_yyjson::yyjson_is_ctn(value)) return false;
  duckdb::FlatVector::GetData<int64_t>(result)[row] =
      static_cast<int64_t>(duckdb_yyjson::unsafe_yyjson_get_len(value));
  return true;
}

// One list, whose texts are appended behind those of the rows before.
class ListOf {
 public:
  ListOf(Vector& result, size_t row)
      : result_(result), entry_(duckdb::FlatVector::GetData<duckdb::list_entry_t>(result)[row]) {
    entry_ = {duckdb::ListVector::GetListSize(result), 0};
  }
  void Add(std::string_view text) {
    duckdb::ListVector::PushBack(result_, duckdb::Value(std::string(text)));
    ++entry_.length;
  }

 private:
  Vector& result_;
  duckdb::list_entry_t& entry_;
};

bool GiveElements(Document& document, yyjson_val* value, Vector& result, size_t row) {
  if (value == nullptr || !duckdb_yyjson::yyjson_is_arr(value)) return false;
  ListOf list(result, row);
  auto elements = duckdb_yyjson::yyjson_arr_iter_with(value);
  while (yyjson_val* element = duckdb_yyjson::yyjson_arr_iter_next(&elements))
    list.Add(document.Write(element));
  return true;
}

bool GiveKeys(Document&, yyjson_val* value, Vector& result, size_t row) {
  if (value == nullptr || !duckdb_yyjson::yyjson_is_obj(value)) return false;
  ListOf list(result, row);
  auto members = duckdb_yyjson::yyjson_obj_iter_with(value);
  while (yyjson_val* key = duckdb_yyjson::yyjson_obj_iter_next(&members)) list.Add(TextOf(key));
  return true;
}

// --- binding

bool IsText(const LogicalType& type) {
  return type.id() == LogicalTypeId::VARCHAR || type.id() == LogicalTypeId::SQLNULL ||
         type.id() == LogicalTypeId::STRING_LITERAL;
}

duckdb::unique_ptr<duckdb::FunctionData> Bind(duckdb::ClientContext&, ScalarFunction& function,
                                              Arguments& arguments) {
  if (arguments.empty()) throw duckdb::BinderException("%s() expects a JSON text", function.name);
  function.arguments.clear();
  for (const auto& argument : arguments) {
    const LogicalType& type = argument->return_type;
    if (argument->HasParameter() || type.id() == LogicalTypeId::UNKNOWN)
      throw duckdb::ParameterNotResolvedException();
    if (function.arguments.empty()) {
      // Lists, structs and maps are JSON to clients, so they have members, too.
      if (type.IsNested()) {
        function.arguments.push_back(LogicalType::JSON());
      } else if (IsText(type)) {
        function.arguments.push_back(LogicalType::VARCHAR);
      } else {
        throw duckdb::BinderException("%s expects JSON, not %s", function.name, type.ToString());
      }
    } else if (type.IsIntegral() || type.id() == LogicalTypeId::INTEGER_LITERAL) {
      function.arguments.push_back(LogicalType::BIGINT);
    } else if (IsText(type)) {
      function.arguments.push_back(LogicalType::VARCHAR);
    } else {
      throw duckdb::BinderException("%s expects names and positions behind the JSON, not %s", function.name,
                                    type.ToString());
    }
  }
  function.varargs = LogicalType::INVALID;
  return nullptr;
}

ScalarFunction Make(const char* name, const LogicalType& type, duckdb::scalar_function_t run) {
  ScalarFunction out(name, {}, type, std::move(run), Bind);
  out.varargs = LogicalType::ANY;
  out.null_handling = duckdb::FunctionNullHandling::SPECIAL_HANDLING;
  return out;
}

}  // namespace

std::vector<ScalarFunction> JsonFunctions() {
  const LogicalType json = LogicalType::JSON();
  const LogicalType texts = LogicalType::LIST(LogicalType::VARCHAR);
  std::vector<ScalarFunction> out;
  out.push_back(Make("->", json, Run<GiveJson>));
  out.push_back(Make("->>", LogicalType::VARCHAR, Run<GiveAsText>));
  out.push_back(Make("json_as_text", LogicalType::VARCHAR, Run<GiveAsText>));
  out.push_back(Make("json_contains", LogicalType::BOOLEAN, Run<GiveWhetherFound>));
  out.push_back(Make("json_get", json, Run<GiveJson>));
  out.push_back(Make("json_get_array", texts, Run<GiveElements>));
  out.push_back(Make("json_get_bool", LogicalType::BOOLEAN, Run<GiveBoolean>));
  out.push_back(Make("json_get_float", LogicalType::DOUBLE, Run<GiveNumber<double>>));
  out.push_back(Make("json_get_int", LogicalType::BIGINT, Run<GiveNumber<int64_t>>));
  out.push_back(Make("json_get_json", json, Run<GiveJson>));
  out.push_back(Make("json_get_str", LogicalType::VARCHAR, Run<GiveString>));
  out.push_back(Make("json_length", LogicalType::BIGINT, Run<GiveLength>));
  out.push_back(Make("json_object_keys", texts, Run<GiveKeys>));
  return out;
}

}  // namespace kalam::engine
