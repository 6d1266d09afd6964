// Metrics: counters, gauges and histograms, shown in the Prometheus text format.
//
// Owner: main() has one Metrics and passes it down; modules ask for their instruments once, at construction,
// and keep the references, which are valid as long as the Metrics. Threads: everything is thread-safe; Add,
// Set and Observe take no lock. Errors: none at run time; a malformed or contradictory registration is a bug
// and asserts.
#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace kalam::observe {

class Counter {
 public:
  void Add(uint64_t n = 1) { value_.fetch_add(n, std::memory_order_relaxed); }
  uint64_t value() const { return value_.load(std::memory_order_relaxed); }

 private:
  alignas(64) std::atomic<uint64_t> value_{0};  // a cache line of its own
};

class Gauge {
 public:
  void Set(int64_t n) { value_.store(n, std::memory_order_relaxed); }
  void Add(int64_t n) { value_.fetch_add(n, std::memory_order_relaxed); }
  int64_t value() const { return value_.load(std::memory_order_relaxed); }

 private:
  alignas(64) std::atomic<int64_t> value_{0};
};

// Durations, kept in microseconds and shown in seconds.
class Histogram {
 public:
  explicit Histogram(std::span<const int64_t> bounds_micros);
  void Observe(int64_t micros);

 private:
  friend class Metrics;
  std::vector<int64_t> bounds_;  // ascending; bucket i counts values <= bounds_[i], the last one the rest
  std::unique_ptr<std::atomic<uint64_t>[]> buckets_;
  alignas(64) std::atomic<int64_t> sum_{0};
};

// 100 us to 10 s in steps of 1, 2.5, 5.
std::span<const int64_t> DefaultBoundsMicros();

using Labels = std::vector<std::pair<std::string, std::string>>;

class Metrics {
 public:
  Metrics();
  ~Metrics();

  // The instrument of this name and these labels, made at the first call. Names follow Prometheus:
  // kalam_sql_statements_total. Only labels with few values (a statement kind, never a user).
  Counter& AddCounter(std::string_view name, std::string_view help, const Labels& labels = {});
  Gauge& AddGauge(std::string_view name, std::string_view help, const Labels& labels = {});
  Histogram& AddHistogram(std::string_view name, std::string_view help, const Labels& labels = {},
                          std::span<const int64_t> bounds_micros = DefaultBoundsMicros());
  // A gauge that is asked when somebody looks. `read` is called on the rendering thread and must outlive
  // this.
  void AddGaugeReader(std::string_view name, std::string_view help, std::function<double()> read,
                      const Labels& labels = {});

  // Text format 0.0.4, names and labels in order. Content-Type: text/plain; version=0.0.4; charset=utf-8.
  std::string Render() const;
  std::vector<std::string> Names() const;

 private:
  struct Family;
  Family& FamilyOf(std::string_view name, std::string_view help, std::string_view type);

  mutable std::mutex mu_;  // registration and rendering
  std::map<std::string, std::unique_ptr<Family>, std::less<>> families_;
};

}  // namespace kalam::observe
