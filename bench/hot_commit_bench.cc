// Rows per second through the commit pipeline: many threads that each submit one row and wait for it.
//
//   hot_commit_bench [FOLDER] [THREADS] [SECONDS]
//
// FOLDER (default: the current one) names the disk to measure; a folder in it is made and removed again.
#include <fmt/format.h>

#include <atomic>
#include <chrono>
#include <cstdlib>
#include <ctime>
#include <filesystem>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "base/clock.h"
#include "hot/key_codec.h"
#include "hot/row_codec.h"
#include "hot/store.h"

namespace {

using namespace kalam;       // NOLINT
using namespace kalam::hot;  // NOLINT

constexpr TableId kTable(1);
constexpr int64_t kUpdatedKeys = 10'000;
enum class Work { kInsert, kUpdate, kHotRow };

RowCodec MakeCodec() {
  TableSchema schema;
  for (const auto& [name, kind] :
       {std::pair{"id", TypeKind::kBigInt}, {"n", TypeKind::kInt}, {"body", TypeKind::kText}}) {
    Column column;
    column.id = ColumnId(static_cast<uint32_t>(schema.columns.size()) + 1);
    column.name = name;
    column.type = Type(kind);
    schema.columns.push_back(column);
  }
  return RowCodec({schema});
}

class Increment final : public RowTransform {
 public:
  explicit Increment(const RowCodec& codec) : codec_(codec) {}
  Result<Effect> Apply(std::optional<std::string_view> current, std::string& next) const override {
    if (!current || RowDeleted(*current)) return Effect::kUnchanged;
    KALAM_ASSIGN(const RowView row, codec_.Open(*current));
    const Value values[] = {row.Get(0), Value::Integer(TypeKind::kInt, row.Get(1).integer + 1), row.Get(2)};
    KALAM_TRY(codec_.Encode(values, next));
    return Effect::kWrite;
  }

 private:
  const RowCodec& codec_;
};

RowOp MakeOp(const RowCodec& codec, Work work, int64_t id,
             const std::shared_ptr<const RowTransform>& transform) {
  static const std::string kBody(100, 'x');
  RowOp op;
  op.key = SharedPrefix(kTable);
  op.prefix_size = static_cast<uint32_t>(op.key.size());
  (void)AppendPrimaryKey(Value::BigInt(id), op.key);
  if (work == Work::kInsert) {
    (void)codec.Encode(std::vector{Value::BigInt(id), Value::Integer(TypeKind::kInt, 0), Value::Text(kBody)},
                       op.value);
  } else {
    op.kind = RowOpKind::kUpdate;
    op.transform = transform;
  }
  return op;
}

void Measure(Store& store, const RowCodec& codec, const char* name, Work work, int threads, int seconds) {
  static std::atomic<int64_t> next_id{kUpdatedKeys};
  const auto transform = std::make_shared<const Increment>(codec);
  std::atomic<bool> stop{false};
  std::atomic<int64_t> rows{0};
  std::vector<std::thread> writers;
  const auto start = std::chrono::steady_clock::now();
  const std::clock_t cpu_start = std::clock();
  for (int t = 0; t < threads; ++t) {
    writers.emplace_back([&, t] {
      for (int64_t i = t; !stop.load(std::memory_order_relaxed); i += threads) {
        const int64_t id = work == Work::kInsert   ? next_id++
                           : work == Work::kUpdate ? i * 7919 % kUpdatedKeys
                                                   : 0;
        Batch batch;
        batch.rows.push_back(MakeOp(codec, work, id, transform));
        const CommitResult result = store.Commit(std::move(batch));
        if (!result.status) std::abort();
        rows += result.applied;
      }
    });
  }
  std::this_thread::sleep_for(std::chrono::seconds(seconds));
  stop = true;
  for (std::thread& writer : writers) writer.join();
  const double passed = std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
  const double cpu_micros = static_cast<double>(std::clock() - cpu_start) * 1e6 / CLOCKS_PER_SEC;
  const auto count = static_cast<double>(rows);
  // The processor time tells more than the rate when the machine has other work.
  fmt::print("{:<14} {} writers {:>8.0f} rows/s {:>6.1f} us CPU/row   sync {} us\n", name, threads,
             count / passed, cpu_micros / count, store.sync_micros());
}

}  // namespace

int main(int argc, char** argv) {
  const std::filesystem::path folder =
      std::filesystem::path(argc > 1 ? argv[1] : ".") / "hot_commit_bench.tmp";
  const int threads = argc > 2 ? std::atoi(argv[2]) : 64;
  const int seconds = argc > 3 ? std::atoi(argv[3]) : 3;
  const RowCodec codec = MakeCodec();
  const SystemClock clock;
  for (const Durability durability : {Durability::kSync, Durability::kOs}) {
    std::filesystem::remove_all(folder);
    auto store = Store::Open({.path = folder.string(), .durability = durability}, clock);
    if (!store) {
      fmt::print(stderr, "{}\n", store.error().message);
      return 1;
    }
    Batch first;
    for (int64_t id = 0; id < kUpdatedKeys; ++id)
      first.rows.push_back(MakeOp(codec, Work::kInsert, id, nullptr));
    if (!(*store)->Commit(std::move(first)).status) return 1;
    const std::string mode = durability == Durability::kSync ? "sync " : "os ";
    Measure(**store, codec, (mode + "insert").c_str(), Work::kInsert, threads, seconds);
    Measure(**store, codec, (mode + "update").c_str(), Work::kUpdate, threads, seconds);
    Measure(**store, codec, (mode + "one row").c_str(), Work::kHotRow, threads, seconds);
    (*store)->Stop();
  }
  std::filesystem::remove_all(folder);
  return 0;
}
