// HttpMetrics: what the server counts about requests.
#pragma once

#include <array>
#include <cstdint>
#include <string>

#include "observe/metrics.h"

namespace kalam::front {

// Thread-safe, no locks.
class HttpMetrics {
 public:
  explicit HttpMetrics(observe::Metrics& metrics)
      : responses_{&Responses(metrics, 1), &Responses(metrics, 2), &Responses(metrics, 3),
                   &Responses(metrics, 4), &Responses(metrics, 5)},
        seconds_(metrics.AddHistogram("kalam_http_request_seconds",
                                      "Time from the end of a request's head to its answer.")),
        connections_(metrics.AddGauge("kalam_http_connections", "Open connections.")) {}

  void Answered(int status, int64_t nanos) {
    const int status_class = status / 100;
    if (status_class >= 1 && status_class <= 5) responses_[static_cast<size_t>(status_class - 1)]->Add();
    seconds_.Observe(nanos / 1000);
  }
  void Opened() { connections_.Add(1); }
  void Closed() { connections_.Add(-1); }

 private:
  static observe::Counter& Responses(observe::Metrics& metrics, int status_class) {
    return metrics.AddCounter("kalam_http_responses_total", "Answers by class of HTTP status.",
                              {{"class", std::to_string(status_class) + "xx"}});
  }

  std::array<observe::Counter*, 5> responses_;
  observe::Histogram& seconds_;
  observe::Gauge& connections_;
};

}  // namespace kalam::front
