#include "wire/live_reply.h"

#include <cassert>
#include <utility>

#include "wire/json_text.h"
#include "wire/message_pack.h"
#include "wire/value_json.h"

namespace kalam::wire {
namespace {

using Form = LiveBody::Form;
using Compress = LiveBody::Compress;

Form FormOf(LiveEncoding encoding) { return encoding == LiveEncoding::kJson ? Form::kText : Form::kPacked; }

// Everything before the id. `fields` counts those of the whole message.
std::string Head(LiveEncoding encoding, std::string_view type, uint32_t fields) {
  std::string head;
  if (encoding == LiveEncoding::kJson) {
    head.append(R"({"type":")").append(type).append(R"(","subscription_id":)");
  } else {
    AppendPackMap(fields, head);
    AppendPackString("type", head);
    AppendPackString(type, head);
    AppendPackString("subscription_id", head);
  }
  return head;
}

std::string_view StatusName(const BatchControl& control) {
  if (!control.has_more) return "ready";
  return control.batch_num == 0 ? "loading" : "loading_batch";
}

// The field with its name; JSON without the comma before it.
void AppendControl(LiveEncoding encoding, const BatchControl& control, std::string& out) {
  if (encoding == LiveEncoding::kJson) {
    out += R"("batch_control":{"batch_num":)";
    AppendUnsigned(control.batch_num, out);
    out += control.has_more ? R"(,"has_more":true,"status":")" : R"(,"has_more":false,"status":")";
    out += StatusName(control);
    out += R"(","last_seq_id":)";
    if (control.last_seq_id) {
      AppendInteger(*control.last_seq_id, out);
    } else {
      out += "null";
    }
    out.push_back('}');
    return;
  }
  AppendPackString("batch_control", out);
  AppendPackMap(4, out);
  AppendPackString("batch_num", out);
  AppendPackInteger(control.batch_num, out);
  AppendPackString("has_more", out);
  AppendPackBoolean(control.has_more, out);
  AppendPackString("status", out);
  AppendPackString(StatusName(control), out);
  AppendPackString("last_seq_id", out);
  if (control.last_seq_id) {
    AppendPackInteger(*control.last_seq_id, out);
  } else {
    AppendPackNil(out);
  }
}

void AppendPackDataType(const DataType& type, std::string& out) {
  if (type.kind == TypeKind::kEmbedding) {
    AppendPackMap(1, out);
    AppendPackString("Embedding", out);
    AppendPackInteger(type.dimension, out);
  } else if (type.kind == TypeKind::kDecimal) {
    AppendPackMap(1, out);
    AppendPackString("Decimal", out);
    AppendPackMap(2, out);
    AppendPackString("precision", out);
    AppendPackInteger(type.precision, out);
    AppendPackString("scale", out);
    AppendPackInteger(type.scale, out);
  } else {
    AppendPackString(DataTypeName(type.kind), out);
  }
}

void AppendPackColumn(const ResultColumn& column, size_t index, std::string& out) {
  const bool has_flags = column.primary_key || column.not_null;
  AppendPackMap(has_flags ? 4 : 3, out);
  AppendPackString("name", out);
  AppendPackString(column.name, out);
  AppendPackString("data_type", out);
  AppendPackDataType(column.type, out);
  AppendPackString("index", out);
  AppendPackInteger(static_cast<int64_t>(index), out);
  if (!has_flags) return;
  AppendPackString("flags", out);
  AppendPackArray((column.primary_key ? 2 : 0) + (column.not_null ? 1 : 0), out);
  if (column.primary_key) AppendPackString("pk", out);
  if (column.not_null) AppendPackString("nn", out);
  if (column.primary_key) AppendPackString("uq", out);
}

std::string_view ChangeName(LiveChange change) {
  switch (change) {
    case LiveChange::kInsert:
      return "insert";
    case LiveChange::kUpdate:
      return "update";
    case LiveChange::kDelete:
      return "delete";
  }
  return "insert";
}

}  // namespace

LiveBodyPtr AckBody(LiveEncoding encoding, const BatchControl& control,
                    std::span<const ResultColumn> schema) {
  std::string tail;
  if (encoding == LiveEncoding::kJson) {
    tail += R"(,"total_rows":0,)";
    AppendControl(encoding, control, tail);
    tail += R"(,"schema":[)";
    for (size_t i = 0; i < schema.size(); ++i) {
      if (i != 0) tail.push_back(',');
      AppendResultColumnJson(schema[i], i, tail);
    }
    tail += "]}";
  } else {
    AppendPackString("total_rows", tail);
    AppendPackInteger(0, tail);
    AppendControl(encoding, control, tail);
    AppendPackString("schema", tail);
    AppendPackArray(static_cast<uint32_t>(schema.size()), tail);
    for (size_t i = 0; i < schema.size(); ++i) AppendPackColumn(schema[i], i, tail);
  }
  return std::make_shared<LiveBody>(Head(encoding, "subscription_ack", 5), std::move(tail), FormOf(encoding),
                                    Compress::kNever);
}

LiveBodyPtr DataBatchBody(const BatchControl& control, LiveRows rows) {
  const LiveEncoding encoding = rows.encoding();
  std::string tail;
  if (encoding == LiveEncoding::kJson) {
    tail = R"(,"rows":)" + std::move(rows).Finish() + ",";
  } else {
    AppendPackString("rows", tail);
    tail += std::move(rows).Finish();
  }
  AppendControl(encoding, control, tail);
  if (encoding == LiveEncoding::kJson) tail.push_back('}');
  return std::make_shared<LiveBody>(Head(encoding, "initial_data_batch", 4), std::move(tail),
                                    FormOf(encoding), Compress::kWhenSmaller);
}

LiveBodyPtr ChangeBody(LiveEncoding encoding, LiveChange change, std::optional<LiveRows> rows,
                       std::optional<LiveRows> old_values) {
  assert(!rows || rows->encoding() == encoding);
  assert(!old_values || old_values->encoding() == encoding);
  std::string tail;
  if (encoding == LiveEncoding::kJson) {
    tail.append(R"(,"change_type":")").append(ChangeName(change)).append("\"");
    if (rows) tail.append(R"(,"rows":)").append(std::move(*rows).Finish());
    if (old_values) tail.append(R"(,"old_values":)").append(std::move(*old_values).Finish());
    tail.push_back('}');
  } else {
    AppendPackString("change_type", tail);
    AppendPackString(ChangeName(change), tail);
    if (rows) {
      AppendPackString("rows", tail);
      tail += std::move(*rows).Finish();
    }
    if (old_values) {
      AppendPackString("old_values", tail);
      tail += std::move(*old_values).Finish();
    }
  }
  const uint32_t fields = 3 + (rows ? 1 : 0) + (old_values ? 1 : 0);
  return std::make_shared<LiveBody>(Head(encoding, "change", fields), std::move(tail), FormOf(encoding),
                                    Compress::kWhenSmaller);
}

LiveBodyPtr LiveErrorBody(std::string_view code, std::string_view message) {
  std::string tail = R"(,"code":)";
  AppendJsonString(code, tail);
  tail += R"(,"message":)";
  AppendJsonString(message, tail);
  tail.push_back('}');
  return std::make_shared<LiveBody>(Head(LiveEncoding::kJson, "error", 4), std::move(tail), Form::kText,
                                    Compress::kNever);
}

std::string AuthSuccessJson(const Principal& principal, const LiveProtocol& protocol) {
  std::string out = R"({"type":"auth_success","user":)";
  AppendJsonString(principal.user_id, out);
  out.append(R"(,"role":")").append(RoleName(principal.role));
  out += R"(","protocol":{"serialization":)";
  out += protocol.encoding == LiveEncoding::kJson ? R"("json")" : R"("msgpack")";
  out += protocol.gzip ? R"(,"compression":"gzip"}})" : R"(,"compression":"none"}})";
  return out;
}

std::string AuthErrorJson(std::string_view message) {
  std::string out = R"({"type":"auth_error","message":)";
  AppendJsonString(message, out);
  out.push_back('}');
  return out;
}

}  // namespace kalam::wire
