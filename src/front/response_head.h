// The lines of a response's head that need a table or a number.
#pragma once

#include <cstddef>
#include <string>

namespace kalam::front {

// "HTTP/1.1 200 OK\r\n"
void AppendStatusLine(int status, std::string& out);
// "Content-Length: 12\r\n"
void AppendContentLength(size_t size, std::string& out);

}  // namespace kalam::front
