// A Source and a RowSink in memory, for the tests of this module.
#pragma once

#include <algorithm>
#include <atomic>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "engine/source.h"
#include "model/result.h"

namespace kalam::engine {

class MemorySource final : public Source {
 public:
  MemorySource(std::vector<ResultColumn> columns, std::vector<std::vector<OwnedValue>> rows)
      : columns_(std::move(columns)), rows_(std::move(rows)) {}

  std::span<const ResultColumn> columns() const override { return columns_; }
  std::optional<uint64_t> EstimatedRows() const override { return rows_.size(); }
  std::optional<size_t> SortedBy() const override { return sorted_by; }
  std::string Describe() const override { return "memory table"; }
  Result<std::unique_ptr<SourceScan>> Scan(const ScanRequest& request) const override {
    ++scans;
    scans.notify_all();
    last_columns.assign(request.columns.begin(), request.columns.end());
    last_bounds.clear();
    for (const ScanBound& bound : request.bounds)
      last_bounds.push_back({bound.column, bound.op, OwnedValue(bound.value)});
    if (fail_at == 0) return Fail(ErrorCode::kIo, "disk on fire");
    return std::make_unique<RowScan>(*this, request);
  }

  struct Bound {
    size_t column;
    ScanBound::Op op;
    OwnedValue value;
  };
  mutable std::vector<size_t> last_columns;
  mutable std::vector<Bound> last_bounds;
  mutable std::atomic<int> scans = 0;
  mutable std::atomic<int> open_scans = 0;
  std::optional<size_t> sorted_by;
  int fail_at = -1;         // the batch that fails, 0 = Scan itself
  bool endless = false;     // the rows again and again
  bool wrong_kind = false;  // gives text for every cell

 private:
  class RowScan final : public SourceScan {
   public:
    RowScan(const MemorySource& source, const ScanRequest& request)
        : source_(source), columns_(request.columns.begin(), request.columns.end()) {
      ++source_.open_scans;
    }
    ~RowScan() override { --source_.open_scans; }
    Result<size_t> Next(BatchWriter& out) override {
      if (++batch_ == source_.fail_at) return Fail(ErrorCode::kCorruption, "block 7 is damaged");
      if (source_.endless && at_ >= source_.rows_.size()) at_ = 0;
      const size_t count = std::min(out.capacity(), source_.rows_.size() - at_);
      for (size_t r = 0; r < count; ++r) {
        for (size_t c = 0; c < columns_.size(); ++c) {
          out.Set(c, r, source_.wrong_kind ? Value::Text("?") : source_.rows_[at_ + r][columns_[c]].view());
        }
      }
      at_ += count;
      return count;
    }

   private:
    const MemorySource& source_;
    std::vector<size_t> columns_;
    size_t at_ = 0;
    int batch_ = 0;
  };

  std::vector<ResultColumn> columns_;
  std::vector<std::vector<OwnedValue>> rows_;
};

// Keeps everything it gets.
class Collector final : public RowSink {
 public:
  void Begin(std::span<const ResultColumn> columns_in) override {
    ++begins;
    columns.assign(columns_in.begin(), columns_in.end());
  }
  Status Row(std::span<const Value> values) override {
    if (refuse_after >= 0 && static_cast<int>(rows.size()) >= refuse_after)
      return Fail(ErrorCode::kLimitExceeded, "sink is full");
    auto& row = rows.emplace_back();
    for (const Value& value : values) row.emplace_back(value);
    return {};
  }
  // "1|'a'; NULL|2.5"
  std::string Text() const {
    std::string out;
    for (const auto& row : rows) {
      if (!out.empty()) out += "; ";
      for (size_t i = 0; i < row.size(); ++i) out += (i == 0 ? "" : "|") + ToDisplay(row[i].view());
    }
    return out;
  }
  std::string Names() const {
    std::string out;
    for (const ResultColumn& column : columns) out += (out.empty() ? "" : ",") + column.name;
    return out;
  }

  int begins = 0;
  int refuse_after = -1;
  std::vector<ResultColumn> columns;
  std::vector<std::vector<OwnedValue>> rows;
};

}  // namespace kalam::engine
