#include "system/system_table.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>
#include <vector>

namespace kalam::system {
namespace {

// Rows of one scan, copied since their makers give them one by one.
class CollectedRows final : public RowSink {
 public:
  void Begin(std::span<const ResultColumn>) override {}
  Status Row(std::span<const Value> values) override {
    for (const Value& value : values) cells_.emplace_back(value);
    ++rows_;
    return {};
  }
  size_t rows() const { return rows_; }
  Value At(size_t row, size_t column, size_t width) const { return cells_[row * width + column].view(); }

 private:
  std::vector<OwnedValue> cells_;
  size_t rows_ = 0;
};

class SystemScan final : public engine::SourceScan {
 public:
  SystemScan(std::unique_ptr<CollectedRows> rows, std::vector<size_t> columns, size_t width)
      : rows_(std::move(rows)), columns_(std::move(columns)), width_(width) {}

  Result<size_t> Next(engine::BatchWriter& out) override {
    const size_t count = std::min(out.capacity(), rows_->rows() - next_);
    for (size_t row = 0; row < count; ++row) {
      for (size_t i = 0; i < columns_.size(); ++i)
        out.Set(i, row, rows_->At(next_ + row, columns_[i], width_));
    }
    next_ += count;
    return count;
  }

 private:
  std::unique_ptr<CollectedRows> rows_;
  std::vector<size_t> columns_;
  size_t width_;
  size_t next_ = 0;
};

class SystemSource final : public engine::Source {
 public:
  SystemSource(const SystemTable& table, SystemContext context)
      : table_(table), context_(std::move(context)) {}

  std::span<const ResultColumn> columns() const override { return table_.columns(); }

  Result<std::unique_ptr<engine::SourceScan>> Scan(const engine::ScanRequest& request) const override {
    auto rows = std::make_unique<CollectedRows>();
    KALAM_TRY(table_.rows(context_, *rows));
    return std::make_unique<SystemScan>(std::move(rows),
                                        std::vector<size_t>(request.columns.begin(), request.columns.end()),
                                        columns().size());
  }

  std::string Describe() const override { return fmt::format("system table {}.{}", table_.ns, table_.name); }

 private:
  const SystemTable& table_;
  SystemContext context_;
};

}  // namespace

const SystemTable* FindSystemTable(std::string_view ns, std::string_view name) {
  for (const SystemTable& table : SystemTables()) {
    if (table.ns == ns && table.name == name) return &table;
  }
  return nullptr;
}

bool IsSystemNamespace(std::string_view ns) {
  return ns == "system" || ns == "information_schema" || ns == "pg_catalog" || ns == "datafusion";
}

Status AllowSystemRead(const SystemTable& table, const Principal& principal) {
  if (table.readers == Readers::kEveryone || principal.is_admin()) return {};
  return Fail(ErrorCode::kPermissionDenied,
              fmt::format("Access denied: Role '{}' cannot access table '{}.{}'. System tables require 'dba' "
                          "or 'system' role.",
                          RoleTitle(principal.role), table.ns, table.name));
}

std::shared_ptr<const engine::Source> MakeSystemSource(const SystemTable& table, SystemContext context) {
  return std::make_shared<SystemSource>(table, std::move(context));
}

}  // namespace kalam::system
