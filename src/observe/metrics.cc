#include "observe/metrics.h"

#include <fmt/format.h>

#include <algorithm>
#include <cassert>
#include <iterator>
#include <optional>

namespace kalam::observe {
namespace {

constexpr int64_t kBounds[] = {100,       250,       500,       1'000,     2'500,   5'000,
                               10'000,    25'000,    50'000,    100'000,   250'000, 500'000,
                               1'000'000, 2'500'000, 5'000'000, 10'000'000};

bool IsName(std::string_view name) {
  return !name.empty() && std::ranges::all_of(name, [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '_';
  });
}

// {method="GET",route="/v1/api/sql"}; empty without labels.
std::string LabelText(const Labels& labels) {
  std::string text;
  for (const auto& [name, value] : labels) {
    assert(IsName(name));
    text += text.empty() ? '{' : ',';
    text += name + "=\"";
    for (char c : value) {
      if (c == '\n') {
        text += "\\n";
        continue;
      }
      if (c == '"' || c == '\\') text += '\\';
      text += c;
    }
    text += '"';
  }
  return text.empty() ? text : text + '}';
}

std::string WithLabel(const std::string& labels, std::string_view name, std::string_view value) {
  std::string_view before = labels.empty() ? "{" : std::string_view(labels).substr(0, labels.size() - 1);
  return fmt::format("{}{}{}=\"{}\"}}", before, labels.empty() ? "" : ",", name, value);
}

double Seconds(int64_t micros) { return static_cast<double>(micros) / 1e6; }

}  // namespace

// All instruments of one name; by label text.
struct Metrics::Family {
  std::string help;
  std::string type;
  std::map<std::string, std::unique_ptr<Counter>> counters;
  std::map<std::string, std::unique_ptr<Gauge>> gauges;
  std::map<std::string, std::unique_ptr<Histogram>> histograms;
  std::map<std::string, std::function<double()>> readers;
};

Histogram::Histogram(std::span<const int64_t> bounds_micros)
    : bounds_(bounds_micros.begin(), bounds_micros.end()),
      buckets_(std::make_unique<std::atomic<uint64_t>[]>(bounds_micros.size() + 1)) {
  assert(std::ranges::is_sorted(bounds_));
}

void Histogram::Observe(int64_t micros) {
  auto bound = std::ranges::lower_bound(bounds_, micros);
  buckets_[static_cast<size_t>(bound - bounds_.begin())].fetch_add(1, std::memory_order_relaxed);
  sum_.fetch_add(micros, std::memory_order_relaxed);
}

std::span<const int64_t> DefaultBoundsMicros() { return kBounds; }

Metrics::Metrics() = default;
Metrics::~Metrics() = default;

Metrics::Family& Metrics::FamilyOf(std::string_view name, std::string_view help, std::string_view type) {
  assert(IsName(name));
  auto it = families_.find(name);
  if (it == families_.end()) {
    it = families_.emplace(std::string(name), std::make_unique<Family>()).first;
    it->second->help = help;
    it->second->type = type;
  }
  assert(it->second->type == type && "one name, two types");
  return *it->second;
}

Counter& Metrics::AddCounter(std::string_view name, std::string_view help, const Labels& labels) {
  std::lock_guard lock(mu_);
  auto& slot = FamilyOf(name, help, "counter").counters[LabelText(labels)];
  if (!slot) slot = std::make_unique<Counter>();
  return *slot;
}

Gauge& Metrics::AddGauge(std::string_view name, std::string_view help, const Labels& labels) {
  std::lock_guard lock(mu_);
  auto& slot = FamilyOf(name, help, "gauge").gauges[LabelText(labels)];
  if (!slot) slot = std::make_unique<Gauge>();
  return *slot;
}

Histogram& Metrics::AddHistogram(std::string_view name, std::string_view help, const Labels& labels,
                                 std::span<const int64_t> bounds_micros) {
  std::lock_guard lock(mu_);
  auto& slot = FamilyOf(name, help, "histogram").histograms[LabelText(labels)];
  if (!slot) slot = std::make_unique<Histogram>(bounds_micros);
  return *slot;
}

void Metrics::AddGaugeReader(std::string_view name, std::string_view help, std::function<double()> read,
                             const Labels& labels) {
  std::lock_guard lock(mu_);
  FamilyOf(name, help, "gauge").readers[LabelText(labels)] = std::move(read);
}

std::string Metrics::Render() const {
  std::lock_guard lock(mu_);
  std::string text;
  auto out = std::back_inserter(text);
  for (const auto& [name, family] : families_) {
    fmt::format_to(out, "# HELP {0} {1}\n# TYPE {0} {2}\n", name, family->help, family->type);
    for (const auto& [labels, counter] : family->counters)
      fmt::format_to(out, "{}{} {}\n", name, labels, counter->value());
    for (const auto& [labels, gauge] : family->gauges)
      fmt::format_to(out, "{}{} {}\n", name, labels, gauge->value());
    for (const auto& [labels, read] : family->readers) fmt::format_to(out, "{}{} {}\n", name, labels, read());
    for (const auto& [labels, histogram] : family->histograms) {
      // The count is the sum of the buckets as read here, so the lines agree with each other while others
      // observe.
      uint64_t count = 0;
      for (size_t i = 0; i <= histogram->bounds_.size(); ++i) {
        count += histogram->buckets_[i].load(std::memory_order_relaxed);
        std::string bound =
            i < histogram->bounds_.size() ? fmt::format("{}", Seconds(histogram->bounds_[i])) : "+Inf";
        fmt::format_to(out, "{}_bucket{} {}\n", name, WithLabel(labels, "le", bound), count);
      }
      int64_t sum = histogram->sum_.load(std::memory_order_relaxed);
      fmt::format_to(out, "{0}_sum{1} {2}\n{0}_count{1} {3}\n", name, labels, Seconds(sum), count);
    }
  }
  return text;
}

std::vector<std::string> Metrics::Names() const {
  std::lock_guard lock(mu_);
  std::vector<std::string> names;
  names.reserve(families_.size());
  for (const auto& [name, family] : families_) names.push_back(name);
  return names;
}

}  // namespace kalam::observe
