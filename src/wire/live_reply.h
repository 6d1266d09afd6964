// Messages from the server to a live client, with the field names, order and types that existing clients
// decode (docs: live protocol).
//
// All pure functions. A body has no subscription id yet: see wire/live_body.h.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "model/principal.h"
#include "model/result.h"
#include "wire/live_body.h"
#include "wire/live_request.h"
#include "wire/live_rows.h"

namespace kalam::wire {

using LiveBodyPtr = std::shared_ptr<const LiveBody>;

struct BatchControl {
  uint32_t batch_num = 0;
  bool has_more = false;
  std::optional<int64_t> last_seq_id;  // a number on the wire, or null
};

// subscription_ack: {"type","subscription_id","total_rows":0,"batch_control","schema"}. Never compressed:
// raw clients look for a text frame.
LiveBodyPtr AckBody(LiveEncoding encoding, const BatchControl& control, std::span<const ResultColumn> schema);
// initial_data_batch: {"type","subscription_id","rows","batch_control"}.
LiveBodyPtr DataBatchBody(const BatchControl& control, LiveRows rows);

enum class LiveChange : uint8_t { kInsert, kUpdate, kDelete };
// change: {"type","subscription_id","change_type","rows"?,"old_values"?}; an absent part is omitted. Both
// parts have the encoding `encoding`.
LiveBodyPtr ChangeBody(LiveEncoding encoding, LiveChange change, std::optional<LiveRows> rows,
                       std::optional<LiveRows> old_values);

// error: {"type","subscription_id","code","message"}: JSON text on every connection, never compressed.
LiveBodyPtr LiveErrorBody(std::string_view code, std::string_view message);

// Replies to authentication, whole and always JSON text.
std::string AuthSuccessJson(const Principal& principal, const LiveProtocol& protocol);
std::string AuthErrorJson(std::string_view message);

}  // namespace kalam::wire
