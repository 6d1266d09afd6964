// Messages from a live client, decoded: JSON text or MessagePack with the same fields.
//
// Tolerances beyond the strict protocol: `protocol` or its members may be missing (json, gzip), `method` may
// be missing (jwt), sequence ids may be exact 64-bit numbers or decimal strings, unknown fields are ignored.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <variant>

#include "base/error.h"
#include "wire/live_body.h"

namespace kalam::wire {

struct LiveProtocol {
  LiveEncoding encoding = LiveEncoding::kJson;
  bool gzip = true;
};

struct LiveAuthenticate {
  std::string token;
  LiveProtocol protocol;
};

// All optional; a member that is null counts as absent.
struct LiveOptions {
  std::optional<uint64_t> batch_size;
  std::optional<uint32_t> last_rows;
  std::optional<int64_t> from;  // also spelled from_seq_id
};
// {"batch_size":..,"last_rows":..,"from":..} with what is there.
std::string LiveOptionsJson(const LiveOptions& options);

struct LiveSubscribe {
  std::string id;
  std::string sql;
  std::optional<LiveOptions> options;  // absent or null: live changes only, no snapshot
};

struct LiveNextBatch {
  std::string subscription_id;
  std::optional<int64_t> last_seq_id;
};

struct LiveUnsubscribe {
  std::string subscription_id;
};

struct LivePing {};

using LiveRequest = std::variant<LiveAuthenticate, LiveSubscribe, LiveNextBatch, LiveUnsubscribe, LivePing>;

// Reused for one message after the other: keeps its buffers. Not thread-safe.
class LiveRequestReader {
 public:
  LiveRequestReader();
  ~LiveRequestReader();
  LiveRequestReader(const LiveRequestReader&) = delete;
  LiveRequestReader& operator=(const LiveRequestReader&) = delete;

  // kInvalidInput saying what is wrong, without repeating values (a token may be among them).
  Result<LiveRequest> ReadJson(std::string_view json);
  Result<LiveRequest> ReadPack(std::string_view bytes);

 private:
  struct Parser;
  std::unique_ptr<Parser> parser_;
};

}  // namespace kalam::wire
