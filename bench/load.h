// Load driver: N keep-alive connections on few threads, plain epoll.
//
// Closed loop: every connection sends its next request when the answer to the last one came; gives the peak
// rate. Open loop: requests are due at a constant rate, whether or not earlier ones are answered, and latency
// counts from the due time, so that a stall of the server is not hidden by a waiting client (coordinated
// omission). Errors: the first fault of any connection ends the run; LoadResult::fault tells it.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <string_view>

#include "histogram.h"

namespace kalam::bench {

struct Endpoint {
  uint16_t port = 0;
  std::string path = "/v1/api/sql";
  std::string token;  // Bearer
};

// What is sent. Both functions are called from the driver threads.
struct Workload {
  // Writes the JSON body of request number `n` (0, 1, 2 ... over all connections); false = no more requests.
  std::function<bool(uint64_t n, std::string& body)> make;
  // True when the answer to request `n` is right. Status 200 was checked already.
  std::function<bool(uint64_t n, std::string_view body)> check;
};

struct LoadOptions {
  int connections = 64;
  int threads = 1;
  double seconds = 5;
  double rate = 0;             // requests per second of an open loop; 0 = closed loop
  uint64_t first_request = 0;  // number of the first request
};

struct LoadResult {
  std::string fault;          // empty = every answer was right
  uint64_t completed = 0;     // all answers, also those after the end of the measured time
  uint64_t next_request = 0;  // the first number that was not sent; all before were answered
  double rate = 0;            // answers per second within the measured time
  double seconds = 0;
  double server_cpu_seconds = 0;  // filled by Bench::Run
  double driver_cpu_seconds = 0;
  Histogram latency;
};

LoadResult RunLoad(const Endpoint& endpoint, const Workload& workload, const LoadOptions& options);

// The whole request: head and body.
void AppendRequest(const Endpoint& endpoint, std::string_view method, std::string_view body,
                   std::string& out);

// A connected, non-delaying TCP socket to the loopback address, or -1.
int ConnectLoopback(uint16_t port);

int64_t NowNanos();

}  // namespace kalam::bench
