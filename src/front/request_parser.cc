#include "front/request_parser.h"

#include <algorithm>
#include <boost/beast/core/string.hpp>
#include <boost/beast/http/basic_parser.hpp>
#include <boost/beast/http/error.hpp>
#include <cstring>

namespace kalam::front {
namespace {

namespace http = boost::beast::http;
using boost::beast::error_code;
using boost::beast::string_view;

constexpr size_t kFieldsMax = 100;
// Longer ones were refused before; the parser must not have a smaller limit of its own.
constexpr uint32_t kNoHeaderLimit = UINT32_MAX;

char Lower(char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c; }

bool EqualsIgnoringCase(std::string_view a, std::string_view b) {
  return a.size() == b.size() &&
         std::equal(a.begin(), a.end(), b.begin(), [](char x, char y) { return Lower(x) == Lower(y); });
}

Method ToMethod(http::verb verb) {
  switch (verb) {
    case http::verb::get:
      return Method::kGet;
    case http::verb::head:
      return Method::kHead;
    case http::verb::post:
      return Method::kPost;
    case http::verb::put:
      return Method::kPut;
    case http::verb::delete_:
      return Method::kDelete;
    case http::verb::patch:
      return Method::kPatch;
    case http::verb::options:
      return Method::kOptions;
    default:
      return Method::kOther;
  }
}

// Notes where things stand instead of copying them.
class HeadParser final : public http::basic_parser<true> {
 public:
  HeadParser(std::string_view bytes, RequestHead& head) : bytes_(bytes), head_(head) {
    header_limit(kNoHeaderLimit);
    body_limit(boost::none);
  }

  HeadFault fault() const { return fault_; }

 private:
  void on_request_impl(http::verb verb, string_view, string_view target, int version,
                       error_code& ec) override {
    ec = {};
    head_.method = ToMethod(verb);
    head_.http_1_0 = version == 10;
    RequestHead::Piece piece;
    if (!Locate(target, piece)) return Stop(HeadFault::kMalformed, ec);
    SplitTarget(piece);
  }

  void on_field_impl(http::field field, string_view name, string_view value, error_code& ec) override {
    ec = {};
    if (head_.fields.size() == kFieldsMax) return Stop(HeadFault::kTooManyFields, ec);
    // A folded value was put together elsewhere; RFC 9112 section 5.2 lets a server refuse it.
    RequestHead::Field located;
    if (!Locate(name, located.name) || !Locate(value, located.value)) return Stop(HeadFault::kMalformed, ec);
    if (field == http::field::transfer_encoding) {
      chunked_alone_ = !has_transfer_encoding_ && boost::beast::iequals(value, "chunked");
      has_transfer_encoding_ = true;
    }
    head_.fields.push_back(located);
  }

  void on_header_impl(error_code& ec) override {
    ec = {};
    head_.keep_alive = keep_alive();
    head_.chunked = chunked();
    head_.content_length = content_length().value_or(0);
    // Any other coding would leave unclear where the body ends, or what it says.
    if (has_transfer_encoding_ && !chunked_alone_) return Stop(HeadFault::kTransferCoding, ec);
  }

  // Bodies do not come here.
  void on_response_impl(int, string_view, int, error_code& ec) override { ec = {}; }
  void on_body_init_impl(const boost::optional<uint64_t>&, error_code& ec) override { ec = {}; }
  size_t on_body_impl(string_view body, error_code& ec) override {
    ec = {};
    return body.size();
  }
  void on_chunk_header_impl(uint64_t, string_view, error_code& ec) override { ec = {}; }
  size_t on_chunk_body_impl(uint64_t, string_view body, error_code& ec) override {
    ec = {};
    return body.size();
  }
  void on_finish_impl(error_code& ec) override { ec = {}; }

  void Stop(HeadFault fault, error_code& ec) {
    fault_ = fault;
    ec = http::error::bad_field;
  }

  bool Locate(string_view part, RequestHead::Piece& piece) const {
    if (part.empty()) return true;
    if (part.data() < bytes_.data() || part.data() + part.size() > bytes_.data() + bytes_.size())
      return false;
    piece = {static_cast<uint32_t>(part.data() - bytes_.data()), static_cast<uint32_t>(part.size())};
    return true;
  }

  // "http://host/path?query", "/path?query"
  void SplitTarget(RequestHead::Piece target) {
    const std::string_view text = target.In(bytes_.data());
    size_t start = 0;
    if (!text.starts_with('/')) {
      const size_t scheme = text.find("://");
      const size_t slash = scheme == std::string_view::npos ? scheme : text.find('/', scheme + 3);
      if (slash != std::string_view::npos) start = slash;
    }
    const size_t question = text.find('?', start);
    const size_t path_end = question == std::string_view::npos ? text.size() : question;
    const size_t query_start = std::min(path_end + 1, text.size());
    const auto piece = [&](size_t from, size_t to) {
      return RequestHead::Piece{target.at + static_cast<uint32_t>(from), static_cast<uint32_t>(to - from)};
    };
    head_.path = piece(start, path_end);
    head_.query = piece(query_start, text.size());
  }

  std::string_view bytes_;
  RequestHead& head_;
  HeadFault fault_ = HeadFault::kMalformed;
  bool has_transfer_encoding_ = false;
  bool chunked_alone_ = false;  // one field, which names nothing else
};

}  // namespace

std::optional<std::string_view> RequestHead::Find(std::string_view name, const char* bytes) const {
  for (const Field& field : fields) {
    if (field.name.size == name.size() && EqualsIgnoringCase(field.name.In(bytes), name))
      return field.value.In(bytes);
  }
  return std::nullopt;
}

size_t FindHeadEnd(std::string_view bytes, size_t scanned) {
  constexpr std::string_view kEnd = "\r\n\r\n";
  const size_t from = scanned < kEnd.size() ? 0 : scanned - (kEnd.size() - 1);
  if (from >= bytes.size()) return 0;
  const void* found = memmem(bytes.data() + from, bytes.size() - from, kEnd.data(), kEnd.size());
  return found == nullptr ? 0
                          : static_cast<size_t>(static_cast<const char*>(found) - bytes.data()) + kEnd.size();
}

HeadFault ParseHead(std::string_view bytes, RequestHead& head) {
  head.method = Method::kOther;
  head.path = {};
  head.query = {};
  head.fields.clear();
  HeadParser parser(bytes, head);
  error_code ec;
  parser.put(boost::asio::const_buffer(bytes.data(), bytes.size()), ec);
  if (ec == http::error::bad_version) return HeadFault::kVersion;
  if (ec) return parser.fault();
  return parser.is_header_done() ? HeadFault::kNone : HeadFault::kMalformed;
}

}  // namespace kalam::front
