// WebSocket frames: the decoder gives the same events however the bytes are cut, never a message over the
// limit, and holds nothing once a message was taken.
#include <algorithm>
#include <cstdint>
#include <cstdlib>
#include <string>
#include <vector>

#include "front/websocket_frame.h"
#include "wire/json_text.h"

namespace {

using kalam::front::WsDecoder;

constexpr uint64_t kMessageBytesMax = 300;

void Require(bool condition) {
  if (!condition) std::abort();
}

struct Seen {
  WsDecoder::Event event;
  uint16_t close_code;
  std::string payload;
  friend bool operator==(const Seen&, const Seen&) = default;
};

std::vector<Seen> Decode(std::string bytes, size_t step) {
  WsDecoder decoder(kMessageBytesMax);
  std::vector<Seen> seen;
  for (size_t at = 0; at < bytes.size(); at += step) {
    std::span<char> part(bytes.data() + at, std::min(step, bytes.size() - at));
    while (true) {
      const WsDecoder::Event event = decoder.Feed(part);
      Require(decoder.held_bytes() <= kMessageBytesMax + kalam::front::kWsControlBytesMax);
      if (event == WsDecoder::Event::kNeedMore) break;
      const bool closing = event == WsDecoder::Event::kClose || event == WsDecoder::Event::kFault;
      seen.push_back({event, closing ? decoder.close_code() : uint16_t{0}, std::string(decoder.payload())});
      if (event == WsDecoder::Event::kText || event == WsDecoder::Event::kBinary) {
        Require(decoder.payload().size() <= kMessageBytesMax);
      }
      if (event == WsDecoder::Event::kText) Require(kalam::wire::IsUtf8(decoder.payload()));
      if (event == WsDecoder::Event::kFault) {
        Require(decoder.close_code() != 0 && !decoder.fault().empty());
        return seen;
      }
    }
    Require(part.empty());
  }
  return seen;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::string bytes(reinterpret_cast<const char*>(data), size);
  const std::vector<Seen> whole = Decode(bytes, bytes.size() + 1);
  Require(Decode(bytes, 1) == whole);
  Require(Decode(bytes, 5) == whole);
  return 0;
}
