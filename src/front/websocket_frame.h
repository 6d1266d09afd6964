// WebSocket frames (RFC 6455): decoder of what a client sends, heads of what the server sends.
//
// Owner: one decoder per socket. Threads: not thread-safe. Errors: kFault with close code and reason, after
// which the decoder must not be fed again. Limits: message size; a message beyond it is skipped, not kept.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>

namespace kalam::front {

enum class WsOpcode : uint8_t {
  kContinuation = 0x0,
  kText = 0x1,
  kBinary = 0x2,
  kClose = 0x8,
  kPing = 0x9,
  kPong = 0xA,
};

// RFC 6455 section 7.4.1.
namespace ws_close {
inline constexpr uint16_t kNormal = 1000;
inline constexpr uint16_t kGoingAway = 1001;
inline constexpr uint16_t kProtocolError = 1002;
inline constexpr uint16_t kNoCode = 1005;  // a close frame without a code; never sent
inline constexpr uint16_t kInvalidText = 1007;
inline constexpr uint16_t kPolicy = 1008;
inline constexpr uint16_t kTooBig = 1009;
inline constexpr uint16_t kInternal = 1011;
}  // namespace ws_close

inline constexpr size_t kWsControlBytesMax = 125;
inline constexpr size_t kWsHeadBytesMax = 10;  // of a frame from the server

// Head of an unfragmented frame without mask.
void AppendWsHead(WsOpcode opcode, uint64_t payload_size, std::string& out);
size_t WsHeadSize(uint64_t payload_size);

// Payload of a close frame. The reason is cut to what a control frame holds, at a character's border.
std::string WsClosePayload(uint16_t code, std::string_view reason);

class WsDecoder {
 public:
  // A message longer than this is reported once and skipped; one beyond `kSkippedBytesMax` is a fault.
  explicit WsDecoder(uint64_t message_bytes_max) : message_bytes_max_(message_bytes_max) {}
  static constexpr uint64_t kSkippedBytesMax = 64 << 20;
  uint64_t message_bytes_max() const { return message_bytes_max_; }
  void set_message_bytes_max(uint64_t bytes_max) { message_bytes_max_ = bytes_max; }

  enum class Event : uint8_t {
    kNeedMore,  // all bytes are taken
    kText,      // payload(): valid UTF-8
    kBinary,
    kPing,
    kPong,
    kClose,     // close_code(), payload(): the reason
    kTooLarge,  // the message that is arriving is too long; the rest of it will be skipped
    kFault,     // close_code(), fault()
  };
  // Takes bytes from the front of `bytes` up to the next event; unmasks them in place.
  Event Feed(std::span<char>& bytes);

  // Of the last event; in the fed bytes or in the decoder, valid until the next Feed.
  std::string_view payload() const { return payload_; }
  uint16_t close_code() const { return close_code_; }
  std::string_view fault() const { return payload_; }
  // Bytes of a message that has not arrived whole.
  size_t held_bytes() const { return message_.size() + control_.size(); }

 private:
  Event TakeHead(std::span<char>& bytes);
  Event BeginFrame();
  Event TakePayload(std::span<char>& bytes);
  Event EndControl(std::string_view payload);
  Event EndData(std::string_view payload);
  Event Fault(uint16_t code, std::string_view why);
  bool is_control() const { return (static_cast<uint8_t>(opcode_) & 0x8) != 0; }

  uint64_t message_bytes_max_;
  std::string message_;  // fragments so far
  std::string control_;  // the part of a control frame that has arrived
  std::string_view payload_;
  uint64_t left_ = 0;   // of the frame's payload
  uint64_t total_ = 0;  // of the message, over its frames
  uint16_t close_code_ = 0;
  std::array<char, 14> head_{};
  uint8_t head_size_ = 0;
  uint8_t mask_at_ = 0;  // which byte of the mask comes next
  std::array<char, 4> mask_{};
  WsOpcode opcode_ = WsOpcode::kContinuation;          // of the frame
  WsOpcode message_opcode_ = WsOpcode::kContinuation;  // kContinuation: no message has begun
  bool final_ = false;
  bool in_payload_ = false;
  bool skipping_ = false;
};

}  // namespace kalam::front
