// HTTP heads and chunked bodies: positions stay inside the input, and a body decodes the same however it is
// cut.
#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>

#include "front/chunked_body.h"
#include "front/request_parser.h"

namespace {

using kalam::front::ChunkedBody;
using kalam::front::RequestHead;

constexpr uint64_t kBodyBytesMax = 256;

void Require(bool condition) {
  if (!condition) std::abort();
}

void CheckPiece(RequestHead::Piece piece, std::string_view head) {
  Require(piece.at + piece.size <= head.size());
}

struct Decoded {
  ChunkedBody::State state = ChunkedBody::State::kMore;
  std::string text;
  size_t used = 0;
};

// Gives the bytes in pieces of `step`, as they might arrive.
Decoded Decode(std::string_view bytes, size_t step) {
  ChunkedBody body(kBodyBytesMax);
  Decoded out;
  for (size_t end = 0; out.state == ChunkedBody::State::kMore && end < bytes.size();) {
    end = end + step < bytes.size() ? end + step : bytes.size();
    size_t used = 0;
    out.state = body.Feed(bytes.substr(out.used, end - out.used), used);
    Require(used == end - out.used || out.state != ChunkedBody::State::kMore);
    out.used += used;
  }
  out.text = body.text();
  Require(out.text.size() <= kBodyBytesMax);
  return out;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::string_view bytes(reinterpret_cast<const char*>(data), size);
  const size_t head_size = kalam::front::FindHeadEnd(bytes, 0);
  Require(head_size == kalam::front::FindHeadEnd(bytes, head_size == 0 ? 0 : head_size - 1));
  if (head_size == 0) return 0;
  const std::string_view head_bytes = bytes.substr(0, head_size);
  RequestHead head;
  if (kalam::front::ParseHead(head_bytes, head) != kalam::front::HeadFault::kNone) return 0;
  CheckPiece(head.path, head_bytes);
  CheckPiece(head.query, head_bytes);
  for (const RequestHead::Field& field : head.fields) {
    CheckPiece(field.name, head_bytes);
    CheckPiece(field.value, head_bytes);
    Require(head.Find(field.name.In(head_bytes.data()), head_bytes.data()).has_value());
  }
  if (!head.chunked) return 0;
  const std::string_view rest = bytes.substr(head_size);
  const Decoded whole = Decode(rest, rest.size() + 1);
  const Decoded cut = Decode(rest, 1);
  Require(whole.state == cut.state && whole.text == cut.text && whole.used == cut.used);
  return 0;
}
