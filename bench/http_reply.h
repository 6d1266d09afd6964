// Finds the end of one HTTP/1.1 reply in a receive buffer. Just enough of the protocol for our own server, at
// little cost: the driver shares its cores with what it measures.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

namespace kalam::bench {

enum class ReplyState { kIncomplete, kComplete, kMalformed };

struct Reply {
  int status = 0;
  std::string_view body;  // into the buffer, or into the given scratch when the body was chunked
  size_t size = 0;        // bytes of the whole reply in the buffer
  bool will_close = false;
};

// `scratch` receives the joined pieces of a chunked body.
ReplyState ParseReply(std::string_view buffer, std::string& scratch, Reply& reply);

}  // namespace kalam::bench
