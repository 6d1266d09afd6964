// What leaves through WebSockets: queued frames, and the gathered write that takes many of them at once.
// Internal to front.
#pragma once

#include <sys/types.h>

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "front/websocket_frame.h"
#include "wire/live_body.h"

namespace kalam::front {

// One frame that waits. Messages share their body; nothing of it is copied per receiver.
struct WsOutFrame {
  enum class Kind : uint8_t {
    kMessage,  // body around the id
    kText,     // body's tail as a text frame
    kPong,     // body's tail as payload, as of the next one
    kClose,
    kRaw,  // body's tail as it is: what HTTP had not written yet
  };

  std::shared_ptr<const wire::LiveBody> body;
  wire::LiveIdPtr id;  // kMessage
  Kind kind = Kind::kMessage;

  // What it counts in an outbox: its bytes without compression.
  size_t size() const;
};

// A frame without a shared body.
WsOutFrame MakeWsFrame(WsOutFrame::Kind kind, std::string payload);

// Frames of one socket in the order in which they leave. Owns no memory when empty. Not thread-safe.
class WsQueue {
 public:
  bool empty() const { return begin_ == frames_.size(); }
  size_t size() const { return frames_.size() - begin_; }
  const WsOutFrame& at(size_t i) const { return frames_[begin_ + i]; }
  void Push(WsOutFrame frame) { frames_.push_back(std::move(frame)); }
  void PopFront();
  // Drops all but the first `kept`.
  void Truncate(size_t kept) { frames_.resize(begin_ + kept); }

 private:
  std::vector<WsOutFrame> frames_;
  size_t begin_ = 0;
};

// Turns frames into the pieces of one sendmsg: small parts are copied together, large bodies are sent from
// where they are. Reused from socket to socket; not thread-safe. The frames must stay until Send has
// returned.
class WsGather {
 public:
  void Clear();
  // False when it is full and must be sent first.
  bool has_room() const { return pieces_.size() < kPiecesMax && total_ < kBytesMax; }
  void Add(const WsOutFrame& frame, bool gzip);
  // Sends all but the first `skip` bytes; what sendmsg returns.
  ssize_t Send(int fd, size_t skip);

  size_t total() const { return total_; }
  // Where frame `i` ends, counted from the start of the first.
  size_t end_of(size_t i) const { return ends_[i]; }
  size_t frames() const { return ends_.size(); }

 private:
  static constexpr size_t kPiecesMax = 120;
  static constexpr size_t kBytesMax = 256 << 10;
  static constexpr size_t kCopiedBytesMax = 1 << 10;  // cheaper to copy than to be a piece of its own

  struct Piece {
    const char* external;  // nullptr: at `offset` of scratch_
    size_t offset;
    size_t size;
  };

  void AddMessage(const WsOutFrame& frame, bool gzip);
  void AddShared(std::string_view bytes);
  void SealScratch();

  std::string scratch_;
  size_t sealed_ = 0;  // bytes of scratch_ that are in pieces_
  std::vector<Piece> pieces_;
  std::vector<size_t> ends_;
  size_t total_ = 0;
};

}  // namespace kalam::front
