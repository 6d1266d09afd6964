#include "system/system_table.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>
#include <vector>

#include "base/arena.h"

namespace kalam::system {
namespace {

// Rows of one scan: their makers give them one by one, the scan hands them on in batches. Keeps the requested
// columns only.
class CollectedRows final : public RowSink {
 public:
  explicit CollectedRows(std::span<const size_t> columns) : columns_(columns.begin(), columns.end()) {}

  void Begin(std::span<const ResultColumn>) override {}
  Status Row(std::span<const Value> values) override {
    for (const size_t column : columns_) {
      Value value = values[column];
      if (!value.is_null && IsVariable(value.kind))
        value = Value::Bytes(value.kind, bytes_.Copy(value.text()));
      cells_.push_back(value);
    }
    ++rows_;
    return {};
  }
  size_t rows() const { return rows_; }
  size_t width() const { return columns_.size(); }
  const Value& At(size_t row, size_t column) const { return cells_[row * columns_.size() + column]; }

 private:
  std::vector<size_t> columns_;
  std::vector<Value> cells_;
  Arena bytes_;
  size_t rows_ = 0;
};

class SystemScan final : public engine::SourceScan {
 public:
  explicit SystemScan(std::unique_ptr<CollectedRows> rows) : rows_(std::move(rows)) {}

  Result<size_t> Next(engine::BatchWriter& out) override {
    const size_t count = std::min(out.capacity(), rows_->rows() - next_);
    for (size_t row = 0; row < count; ++row) {
      for (size_t i = 0; i < rows_->width(); ++i) out.Set(i, row, rows_->At(next_ + row, i));
    }
    next_ += count;
    return count;
  }

 private:
  std::unique_ptr<CollectedRows> rows_;
  size_t next_ = 0;
};

class SystemSource final : public engine::Source {
 public:
  SystemSource(const SystemTable& table, SystemContext context)
      : table_(table), context_(std::move(context)) {}

  std::span<const ResultColumn> columns() const override { return table_.columns(); }

  Result<std::unique_ptr<engine::SourceScan>> Scan(const engine::ScanRequest& request) const override {
    auto rows = std::make_unique<CollectedRows>(request.columns);
    KALAM_TRY(table_.rows(context_, *rows));
    return std::make_unique<SystemScan>(std::move(rows));
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
