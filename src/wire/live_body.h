// LiveBody: one message to live subscribers, encoded once and shared by all its receivers.
//
// A message differs between receivers only in the subscription id, which stands near its start. So a body is
// {head, tail} and the bytes on the wire are head + encoded id + tail. When a frame is worth compressing, the
// tail is deflated once, whoever needs it first, and every receiver gets a valid gzip member made of a stored
// block (head + id), the shared deflated tail and a combined checksum: nothing is compressed per receiver.
//
// Owner: shared_ptr<const LiveBody>, held by outboxes until written. Threads: immutable but for the lazily
// made deflated tail, which is guarded; every function may be called from any thread. Errors: none.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <utility>

namespace kalam::wire {

// How a connection wants its messages; fixed when it authenticates.
enum class LiveEncoding : uint8_t { kJson, kMessagePack };

// A subscription id as the client spelled it and as messages carry it. Made once per subscription.
struct LiveId {
  explicit LiveId(std::string_view id);

  std::string text;
  std::string json;    // "s1" with quotes and escapes
  std::string packed;  // a MessagePack string
};
using LiveIdPtr = std::shared_ptr<const LiveId>;

class LiveBody {
 public:
  // kText leaves as a text frame, kPacked as a binary one.
  enum class Form : uint8_t { kText, kPacked };
  enum class Compress : uint8_t { kNever, kWhenSmaller };

  LiveBody(std::string head, std::string tail, Form form, Compress compress)
      : head_(std::move(head)), tail_(std::move(tail)), form_(form), compress_(compress) {}
  LiveBody(const LiveBody&) = delete;
  LiveBody& operator=(const LiveBody&) = delete;

  std::string_view head() const { return head_; }
  std::string_view tail() const { return tail_; }
  Form form() const { return form_; }
  // The id as this body carries it: error messages are JSON on every connection.
  std::string_view EncodedId(const LiveId& id) const { return form_ == Form::kText ? id.json : id.packed; }
  // Bytes for a receiver whose encoded id has `id_size`, uncompressed.
  size_t size(size_t id_size) const { return head_.size() + id_size + tail_.size(); }

  // The tail as raw deflate blocks that end a stream.
  struct Deflated {
    std::string bytes;
    uint32_t crc = 0;        // of the tail as it was
    uint32_t crc_shift = 0;  // operator that appends the tail's length to a checksum
  };
  // nullptr when a frame of this body for that id is to be sent as it is: too short, not worth it, or never
  // compressed. Deflates at the first call.
  const Deflated* deflated(size_t id_size) const;

 private:
  friend void AppendGzipTrailer(const LiveBody& body, std::string_view encoded_id, std::string& out);
  friend size_t GzipSize(const LiveBody& body, size_t id_size);

  const std::string head_;
  const std::string tail_;
  const Form form_;
  const Compress compress_;
  mutable std::once_flag deflate_once_;
  mutable Deflated deflated_;  // empty bytes: not worth it
};

// Frames below this many bytes are never compressed.
inline constexpr size_t kLiveCompressBytesMin = 512;

// The parts of a gzip member around body.deflated(): what stands before its bytes, and behind them.
void AppendGzipLead(const LiveBody& body, std::string_view encoded_id, std::string& out);
inline constexpr size_t kGzipTrailerBytes = 8;
void AppendGzipTrailer(const LiveBody& body, std::string_view encoded_id, std::string& out);
// Bytes of the whole member.
size_t GzipSize(const LiveBody& body, size_t id_size);

// A whole gzip member back to its bytes: false when it is malformed or holds more than `bytes_max`.
bool Gunzip(std::string_view gzip, size_t bytes_max, std::string& out);
inline bool IsGzip(std::string_view bytes) { return bytes.starts_with("\x1f\x8b"); }

}  // namespace kalam::wire
