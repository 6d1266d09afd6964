#include "http_reply.h"

#include <algorithm>
#include <charconv>

namespace kalam::bench {
namespace {

// `lower` is in lower case.
bool EqualsNoCase(std::string_view text, std::string_view lower) {
  return std::ranges::equal(text, lower,
                            [](char a, char b) { return (a >= 'A' && a <= 'Z' ? a + 32 : a) == b; });
}

std::string_view Trim(std::string_view text) {
  while (!text.empty() && text.front() == ' ') text.remove_prefix(1);
  while (!text.empty() && text.back() == ' ') text.remove_suffix(1);
  return text;
}

struct Head {
  int status = 0;
  size_t content_length = 0;
  bool chunked = false;
  bool will_close = false;
};

bool ParseHead(std::string_view head, Head& out) {
  if (!head.starts_with("HTTP/1.1 ") || head.size() < 12) return false;
  std::from_chars(head.data() + 9, head.data() + 12, out.status);
  size_t at = head.find("\r\n");
  while (at != std::string_view::npos && at + 2 < head.size()) {
    const size_t begin = at + 2;
    at = head.find("\r\n", begin);
    const std::string_view line = head.substr(begin, at == std::string_view::npos ? at : at - begin);
    const size_t colon = line.find(':');
    if (colon == std::string_view::npos) continue;
    const std::string_view name = line.substr(0, colon);
    // Lengths first: nearly every header is skipped by one comparison.
    if (name.size() == 14 && EqualsNoCase(name, "content-length")) {
      const std::string_view value = Trim(line.substr(colon + 1));
      std::from_chars(value.data(), value.data() + value.size(), out.content_length);
    } else if (name.size() == 17 && EqualsNoCase(name, "transfer-encoding")) {
      out.chunked = EqualsNoCase(Trim(line.substr(colon + 1)), "chunked");
    } else if (name.size() == 10 && EqualsNoCase(name, "connection")) {
      out.will_close = EqualsNoCase(Trim(line.substr(colon + 1)), "close");
    }
  }
  return out.status >= 100;
}

// Returns the bytes that the chunks take including the last one, 0 when more must come, npos when they are
// malformed.
size_t JoinChunks(std::string_view rest, std::string& body) {
  body.clear();
  size_t at = 0;
  while (true) {
    const size_t line_end = rest.find("\r\n", at);
    if (line_end == std::string_view::npos) return 0;
    size_t length = 0;
    if (std::from_chars(rest.data() + at, rest.data() + line_end, length, 16).ec != std::errc()) {
      return std::string_view::npos;
    }
    const size_t begin = line_end + 2;
    if (rest.size() < begin + length + 2) return 0;
    body.append(rest.substr(begin, length));
    at = begin + length + 2;
    if (length == 0) return at;
  }
}

}  // namespace

ReplyState ParseReply(std::string_view buffer, std::string& scratch, Reply& reply) {
  const size_t head_end = buffer.find("\r\n\r\n");
  if (head_end == std::string_view::npos) return ReplyState::kIncomplete;
  Head head;
  if (!ParseHead(buffer.substr(0, head_end), head)) return ReplyState::kMalformed;
  const size_t body_begin = head_end + 4;
  reply.status = head.status;
  reply.will_close = head.will_close;
  if (head.chunked) {
    const size_t size = JoinChunks(buffer.substr(body_begin), scratch);
    if (size == std::string_view::npos) return ReplyState::kMalformed;
    if (size == 0) return ReplyState::kIncomplete;
    reply.body = scratch;
    reply.size = body_begin + size;
    return ReplyState::kComplete;
  }
  if (buffer.size() < body_begin + head.content_length) return ReplyState::kIncomplete;
  reply.body = buffer.substr(body_begin, head.content_length);
  reply.size = body_begin + head.content_length;
  return ReplyState::kComplete;
}

}  // namespace kalam::bench
