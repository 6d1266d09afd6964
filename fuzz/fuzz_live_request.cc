// Messages from live clients: JSON and MessagePack. What a MessagePack message says is what its JSON says,
// and errors never repeat what was sent.
#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>

#include "wire/json_text.h"
#include "wire/live_body.h"
#include "wire/live_request.h"
#include "wire/message_pack.h"

namespace {

using kalam::wire::LiveRequest;
using kalam::wire::LiveSubscribe;

void Require(bool condition) {
  if (!condition) std::abort();
}

void Check(const kalam::Result<LiveRequest>& request) {
  if (!request) {
    Require(!request.error().message.empty() && request.error().message.size() < 200);
    return;
  }
  const auto* subscribe = std::get_if<LiveSubscribe>(&*request);
  if (subscribe == nullptr) return;
  Require(kalam::wire::IsUtf8(subscribe->id) && kalam::wire::IsUtf8(subscribe->sql));
  const kalam::wire::LiveId id(subscribe->id);
  const auto back = kalam::wire::PackToJson(id.packed, 6 * id.packed.size() + 64);
  Require(back.has_value() && *back == id.json);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  static kalam::wire::LiveRequestReader reader;
  const std::string_view bytes(reinterpret_cast<const char*>(data), size);
  Check(reader.ReadJson(bytes));
  const auto packed = reader.ReadPack(bytes);
  Check(packed);
  const auto json = kalam::wire::PackToJson(bytes, 6 * size + 64);
  if (json) {
    Require(kalam::wire::IsUtf8(*json));
    Require(reader.ReadJson(*json).has_value() == packed.has_value());
  } else {
    Require(!packed.has_value());
  }
  std::string plain;
  if (kalam::wire::Gunzip(bytes, 1 << 16, plain)) Require(plain.size() <= 1 << 16);
  return 0;
}
