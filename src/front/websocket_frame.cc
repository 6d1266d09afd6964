#include "front/websocket_frame.h"

#include <algorithm>
#include <cstring>

#include "wire/json_text.h"

namespace kalam::front {
namespace {

// Eight bytes at once.
void Unmask(std::span<char> bytes, const std::array<char, 4>& mask, uint8_t at) {
  std::array<char, 8> wide;
  for (size_t i = 0; i < wide.size(); ++i) wide[i] = mask[(at + i) & 3];
  uint64_t key = 0;
  std::memcpy(&key, wide.data(), 8);
  size_t i = 0;
  for (; i + 8 <= bytes.size(); i += 8) {
    uint64_t word = 0;
    std::memcpy(&word, bytes.data() + i, 8);
    word ^= key;
    std::memcpy(bytes.data() + i, &word, 8);
  }
  for (; i < bytes.size(); ++i) bytes[i] = static_cast<char>(bytes[i] ^ wide[i & 7]);
}

bool IsCloseCode(uint16_t code) {
  if (code >= 3000) return code <= 4999;
  return code >= 1000 && code <= 1014 && code != 1004 && code != 1005 && code != 1006;
}

}  // namespace

size_t WsHeadSize(uint64_t payload_size) {
  if (payload_size <= kWsControlBytesMax) return 2;
  return payload_size <= 0xFFFF ? 4 : 10;
}

void AppendWsHead(WsOpcode opcode, uint64_t payload_size, std::string& out) {
  out.push_back(static_cast<char>(0x80 | static_cast<uint8_t>(opcode)));
  int bytes = 0;
  if (payload_size <= kWsControlBytesMax) {
    out.push_back(static_cast<char>(payload_size));
  } else if (payload_size <= 0xFFFF) {
    out.push_back(126);
    bytes = 2;
  } else {
    out.push_back(127);
    bytes = 8;
  }
  for (int i = bytes - 1; i >= 0; --i) out.push_back(static_cast<char>(payload_size >> (8 * i)));
}

std::string WsClosePayload(uint16_t code, std::string_view reason) {
  size_t size = std::min(reason.size(), kWsControlBytesMax - 2);
  // Not in the middle of a character.
  while (size < reason.size() && size > 0 && (static_cast<uint8_t>(reason[size]) & 0xC0) == 0x80) --size;
  std::string payload;
  payload.push_back(static_cast<char>(code >> 8));
  payload.push_back(static_cast<char>(code));
  payload += reason.substr(0, size);
  return payload;
}

WsDecoder::Event WsDecoder::Fault(uint16_t code, std::string_view why) {
  close_code_ = code;
  payload_ = why;
  return Event::kFault;
}

WsDecoder::Event WsDecoder::Feed(std::span<char>& bytes) {
  payload_ = {};
  // What the last event showed is not needed any more; an idle socket holds no buffer.
  if (!in_payload_ && !control_.empty()) control_ = {};
  if (!in_payload_ && message_opcode_ == WsOpcode::kContinuation && !message_.empty()) message_ = {};
  while (true) {
    if (!in_payload_) {
      if (const Event event = TakeHead(bytes); event != Event::kNeedMore || !in_payload_) return event;
    }
    if (const Event event = TakePayload(bytes); event != Event::kNeedMore || in_payload_) return event;
  }
}

WsDecoder::Event WsDecoder::TakeHead(std::span<char>& bytes) {
  while (!bytes.empty()) {
    head_[head_size_++] = bytes.front();
    bytes = bytes.subspan(1);
    if (head_size_ < 2) continue;
    const auto length = static_cast<uint8_t>(head_[1] & 0x7F);
    if ((head_[1] & 0x80) == 0) return Fault(ws_close::kProtocolError, "Frames from clients must be masked");
    const size_t extended = length == 126 ? 2 : length == 127 ? 8 : 0;
    if (head_size_ == 2 + extended + 4) return BeginFrame();
  }
  return Event::kNeedMore;
}

WsDecoder::Event WsDecoder::BeginFrame() {
  const auto first = static_cast<uint8_t>(head_[0]);
  const auto length = static_cast<uint8_t>(head_[1] & 0x7F);
  const size_t extended = head_size_ - 6u;
  left_ = extended == 0 ? length : 0;
  for (size_t i = 0; i < extended; ++i) left_ = left_ << 8 | static_cast<uint8_t>(head_[2 + i]);
  std::memcpy(mask_.data(), head_.data() + 2 + extended, 4);
  mask_at_ = 0;
  head_size_ = 0;
  final_ = (first & 0x80) != 0;
  opcode_ = static_cast<WsOpcode>(first & 0x0F);
  if ((first & 0x70) != 0) return Fault(ws_close::kProtocolError, "Reserved bits are set");
  if ((extended == 2 && left_ < 126) || (extended == 8 && (left_ <= 0xFFFF || left_ >> 63 != 0))) {
    return Fault(ws_close::kProtocolError, "Malformed payload length");
  }
  in_payload_ = true;
  switch (opcode_) {
    case WsOpcode::kClose:
    case WsOpcode::kPing:
    case WsOpcode::kPong:
      if (!final_) return Fault(ws_close::kProtocolError, "Control frames must not be fragmented");
      if (left_ > kWsControlBytesMax) return Fault(ws_close::kProtocolError, "Control frame too long");
      control_.clear();
      return Event::kNeedMore;
    case WsOpcode::kContinuation:
      if (message_opcode_ == WsOpcode::kContinuation) {
        return Fault(ws_close::kProtocolError, "Continuation of no message");
      }
      break;
    case WsOpcode::kText:
    case WsOpcode::kBinary:
      if (message_opcode_ != WsOpcode::kContinuation) {
        return Fault(ws_close::kProtocolError, "A message began inside another one");
      }
      message_opcode_ = opcode_;
      total_ = 0;
      break;
    default:
      return Fault(ws_close::kProtocolError, "Unknown opcode");
  }
  if (left_ > kSkippedBytesMax || total_ + left_ > kSkippedBytesMax) {
    return Fault(ws_close::kTooBig, "Message too big");
  }
  total_ += left_;
  if (total_ <= message_bytes_max_ || skipping_) return Event::kNeedMore;
  skipping_ = true;
  message_ = {};
  return Event::kTooLarge;
}

WsDecoder::Event WsDecoder::TakePayload(std::span<char>& bytes) {
  const auto size = static_cast<size_t>(std::min<uint64_t>(left_, bytes.size()));
  const std::span<char> part = bytes.first(size);
  bytes = bytes.subspan(size);
  left_ -= size;
  if (!skipping_ || is_control()) Unmask(part, mask_, mask_at_);
  mask_at_ = static_cast<uint8_t>((mask_at_ + size) & 3);
  const std::string_view text(part.data(), part.size());
  if (is_control()) {
    if (left_ == 0 && control_.empty()) return EndControl(text);
    control_ += text;
    return left_ == 0 ? EndControl(control_) : Event::kNeedMore;
  }
  if (skipping_) {
    if (left_ == 0) in_payload_ = false;
    if (left_ == 0 && final_) {
      skipping_ = false;
      message_opcode_ = WsOpcode::kContinuation;
    }
    return Event::kNeedMore;
  }
  if (left_ == 0 && final_ && message_.empty()) return EndData(text);
  message_ += text;
  if (left_ != 0) return Event::kNeedMore;
  in_payload_ = false;
  return final_ ? EndData(message_) : Event::kNeedMore;
}

WsDecoder::Event WsDecoder::EndData(std::string_view payload) {
  in_payload_ = false;
  const bool is_text = message_opcode_ == WsOpcode::kText;
  message_opcode_ = WsOpcode::kContinuation;
  if (is_text && !wire::IsUtf8(payload)) return Fault(ws_close::kInvalidText, "Text is not valid UTF-8");
  payload_ = payload;
  return is_text ? Event::kText : Event::kBinary;
}

WsDecoder::Event WsDecoder::EndControl(std::string_view payload) {
  in_payload_ = false;
  payload_ = payload;
  if (opcode_ == WsOpcode::kPing) return Event::kPing;
  if (opcode_ == WsOpcode::kPong) return Event::kPong;
  if (payload.empty()) {
    close_code_ = ws_close::kNoCode;
    return Event::kClose;
  }
  if (payload.size() < 2) return Fault(ws_close::kProtocolError, "Malformed close frame");
  const auto high = static_cast<uint8_t>(payload[0]);
  const auto low = static_cast<uint8_t>(payload[1]);
  const auto code = static_cast<uint16_t>(high << 8 | low);
  if (!IsCloseCode(code)) return Fault(ws_close::kProtocolError, "Invalid close code");
  if (!wire::IsUtf8(payload.substr(2)))
    return Fault(ws_close::kInvalidText, "Close reason is not valid UTF-8");
  close_code_ = code;
  payload_ = payload.substr(2);
  return Event::kClose;
}

}  // namespace kalam::front
