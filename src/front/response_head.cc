#include "front/response_head.h"

#include <charconv>
#include <string_view>

namespace kalam::front {
namespace {

std::string_view Reason(int status) {
  switch (status) {
    case 101:
      return "Switching Protocols";
    case 200:
      return "OK";
    case 400:
      return "Bad Request";
    case 401:
      return "Unauthorized";
    case 403:
      return "Forbidden";
    case 404:
      return "Not Found";
    case 405:
      return "Method Not Allowed";
    case 408:
      return "Request Timeout";
    case 409:
      return "Conflict";
    case 413:
      return "Content Too Large";
    case 426:
      return "Upgrade Required";
    case 428:
      return "Precondition Required";
    case 429:
      return "Too Many Requests";
    case 431:
      return "Request Header Fields Too Large";
    case 500:
      return "Internal Server Error";
    case 501:
      return "Not Implemented";
    case 503:
      return "Service Unavailable";
    case 505:
      return "HTTP Version Not Supported";
    default:
      return "Status";
  }
}

void AppendNumber(size_t number, std::string& out) {
  char text[24];
  const auto end = std::to_chars(text, text + sizeof text, number);
  out.append(text, static_cast<size_t>(end.ptr - text));
}

}  // namespace

void AppendStatusLine(int status, std::string& out) {
  out += "HTTP/1.1 ";
  AppendNumber(static_cast<size_t>(status), out);
  out.push_back(' ');
  out += Reason(status);
  out += "\r\n";
}

void AppendContentLength(size_t size, std::string& out) {
  out += "Content-Length: ";
  AppendNumber(size, out);
  out += "\r\n";
}

}  // namespace kalam::front
