// Latency histogram with bounded relative error, in the manner of HdrHistogram: per power of two 64 equal
// buckets (under 1.6 %).
#pragma once

#include <algorithm>
#include <array>
#include <bit>
#include <cstddef>
#include <cstdint>

namespace kalam::bench {

class Histogram {
 public:
  void Record(int64_t nanos) {
    const auto value = static_cast<uint64_t>(std::max<int64_t>(nanos, 0));
    ++counts_[Index(value)];
    ++count_;
    max_ = std::max(max_, value);
  }

  void Merge(const Histogram& other) {
    for (size_t i = 0; i < counts_.size(); ++i) counts_[i] += other.counts_[i];
    count_ += other.count_;
    max_ = std::max(max_, other.max_);
  }

  uint64_t count() const { return count_; }

  // Microseconds at a quantile of [0, 1]; 0 when nothing was recorded.
  double Micros(double quantile) const {
    if (count_ == 0) return 0;
    const auto rank = static_cast<uint64_t>(quantile * static_cast<double>(count_ - 1)) + 1;
    uint64_t seen = 0;
    for (size_t i = 0; i < counts_.size(); ++i) {
      seen += counts_[i];
      if (seen >= rank) return static_cast<double>(std::min(Middle(i), max_)) / 1000.0;
    }
    return MaxMicros();
  }
  double MaxMicros() const { return static_cast<double>(max_) / 1000.0; }

 private:
  static constexpr unsigned kSubBits = 6;
  static constexpr uint64_t kSub = 1u << kSubBits;

  static size_t Index(uint64_t value) {
    if (value < kSub) return value;
    const auto shift = static_cast<unsigned>(std::bit_width(value)) - kSubBits - 1;
    return (static_cast<size_t>(shift) + 1) * kSub + ((value >> shift) - kSub);
  }
  static uint64_t Middle(size_t index) {
    if (index < kSub) return index;
    const auto shift = static_cast<unsigned>(index / kSub) - 1;
    return ((kSub + index % kSub) << shift) + ((uint64_t{1} << shift) >> 1);
  }

  std::array<uint64_t, (64 - kSubBits + 1) * kSub> counts_{};
  uint64_t count_ = 0;
  uint64_t max_ = 0;
};

}  // namespace kalam::bench
