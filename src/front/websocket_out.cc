#include "front/websocket_out.h"

#include <sys/socket.h>
#include <sys/uio.h>

#include <array>
#include <utility>

namespace kalam::front {
namespace {

// Popped frames at the front of the vector are removed when they are so many.
constexpr size_t kPoppedMax = 64;

WsOpcode OpcodeOf(WsOutFrame::Kind kind) {
  if (kind == WsOutFrame::Kind::kPong) return WsOpcode::kPong;
  return kind == WsOutFrame::Kind::kClose ? WsOpcode::kClose : WsOpcode::kText;
}

}  // namespace

size_t WsOutFrame::size() const {
  return kWsHeadBytesMax + body->size(kind == Kind::kMessage ? body->EncodedId(*id).size() : 0);
}

WsOutFrame MakeWsFrame(WsOutFrame::Kind kind, std::string payload) {
  return {
      std::make_shared<const wire::LiveBody>(std::string(), std::move(payload), wire::LiveBody::Form::kText,
                                             wire::LiveBody::Compress::kNever),
      nullptr, kind};
}

void WsQueue::PopFront() {
  frames_[begin_++] = {};
  if (begin_ == frames_.size()) {
    frames_ = {};
    begin_ = 0;
  } else if (begin_ >= kPoppedMax && begin_ * 2 >= frames_.size()) {
    frames_.erase(frames_.begin(), frames_.begin() + static_cast<std::ptrdiff_t>(begin_));
    begin_ = 0;
  }
}

void WsGather::Clear() {
  scratch_.clear();
  sealed_ = 0;
  pieces_.clear();
  ends_.clear();
  total_ = 0;
}

void WsGather::SealScratch() {
  if (scratch_.size() == sealed_) return;
  pieces_.push_back({nullptr, sealed_, scratch_.size() - sealed_});
  sealed_ = scratch_.size();
}

void WsGather::AddShared(std::string_view bytes) {
  if (bytes.size() <= kCopiedBytesMax) {
    scratch_ += bytes;
    return;
  }
  SealScratch();
  pieces_.push_back({bytes.data(), 0, bytes.size()});
  total_ += bytes.size();
}

void WsGather::AddMessage(const WsOutFrame& frame, bool gzip) {
  const wire::LiveBody& body = *frame.body;
  const std::string_view id = body.EncodedId(*frame.id);
  if (gzip) {
    if (const auto* deflated = body.deflated(id.size())) {
      AppendWsHead(WsOpcode::kBinary, GzipSize(body, id.size()), scratch_);
      AppendGzipLead(body, id, scratch_);
      AddShared(deflated->bytes);
      AppendGzipTrailer(body, id, scratch_);
      return;
    }
  }
  const bool text = body.form() == wire::LiveBody::Form::kText;
  AppendWsHead(text ? WsOpcode::kText : WsOpcode::kBinary, body.size(id.size()), scratch_);
  scratch_.append(body.head()).append(id);
  AddShared(body.tail());
}

void WsGather::Add(const WsOutFrame& frame, bool gzip) {
  const size_t scratch_before = scratch_.size();
  if (frame.kind == WsOutFrame::Kind::kMessage) {
    AddMessage(frame, gzip);
  } else {
    const std::string_view payload = frame.body->tail();
    if (frame.kind != WsOutFrame::Kind::kRaw) AppendWsHead(OpcodeOf(frame.kind), payload.size(), scratch_);
    AddShared(payload);
  }
  total_ += scratch_.size() - scratch_before;
  ends_.push_back(total_);
}

ssize_t WsGather::Send(int fd, size_t skip) {
  SealScratch();
  std::array<iovec, kPiecesMax + 4> vectors;
  size_t count = 0;
  for (const Piece& piece : pieces_) {
    if (skip >= piece.size) {
      skip -= piece.size;
      continue;
    }
    const char* start = piece.external != nullptr ? piece.external : scratch_.data() + piece.offset;
    vectors[count++] = {const_cast<char*>(start) + skip, piece.size - skip};
    skip = 0;
  }
  msghdr message{};
  message.msg_iov = vectors.data();
  message.msg_iovlen = count;
  return ::sendmsg(fd, &message, MSG_NOSIGNAL | MSG_DONTWAIT);
}

}  // namespace kalam::front
