// A small table in a store of its own, for the tests of hot: id BIGINT PRIMARY KEY, n INT, body TEXT.
#pragma once

#include <gtest/gtest.h>
#include <stdlib.h>

#include <condition_variable>
#include <filesystem>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/clock.h"
#include "hot/key_codec.h"
#include "hot/row_codec.h"
#include "hot/store.h"

namespace kalam::hot {

inline constexpr TableId kTestTable(9);
inline constexpr TableId kOtherTable(10);

class TempFolder {
 public:
  TempFolder() {
    std::string name = (std::filesystem::temp_directory_path() / "kalam-hot-XXXXXX").string();
    path_ = mkdtemp(name.data());
  }
  ~TempFolder() { std::filesystem::remove_all(path_); }
  TempFolder(const TempFolder&) = delete;
  TempFolder& operator=(const TempFolder&) = delete;
  const std::string& path() const { return path_; }

 private:
  std::string path_;
};

inline Column MakeColumn(uint32_t id, std::string name, DataType type) {
  Column column;
  column.id = ColumnId(id);
  column.name = std::move(name);
  column.type = type;
  return column;
}

inline TableSchema MakeSchema() {
  TableSchema schema;
  schema.columns = {MakeColumn(1, "id", Type(TypeKind::kBigInt)), MakeColumn(2, "n", Type(TypeKind::kInt)),
                    MakeColumn(3, "body", Type(TypeKind::kText))};
  schema.columns[0].primary_key = true;
  return schema;
}

inline std::string KeyOf(int64_t id, TableId table = kTestTable) {
  std::string key = SharedPrefix(table);
  EXPECT_TRUE(AppendPrimaryKey(Value::BigInt(id), key));
  return key;
}

inline const RowCodec& TestCodec() {
  static const RowCodec kCodec({MakeSchema()});
  return kCodec;
}

inline std::string RowOf(int64_t id, int64_t n, std::string_view body = "x") {
  std::string row;
  const Value values[] = {Value::BigInt(id), Value::Integer(TypeKind::kInt, n), Value::Text(body)};
  EXPECT_TRUE(TestCodec().Encode(values, row));
  return row;
}

inline RowOp MakeOp(RowOpKind kind, int64_t id, TableId table) {
  RowOp op;
  op.kind = kind;
  op.key = KeyOf(id, table);
  op.prefix_size = 4;
  return op;
}

inline RowOp Insert(int64_t id, int64_t n, TableId table = kTestTable) {
  RowOp op = MakeOp(RowOpKind::kInsert, id, table);
  op.value = RowOf(id, n);
  return op;
}

// Writes `n` if the row is still as seen.
inline RowOp Replace(int64_t id, int64_t n, Seq seen) {
  RowOp op = MakeOp(RowOpKind::kUpdate, id, kTestTable);
  op.value = RowOf(id, n);
  op.seen = seen;
  return op;
}

class AddTransform final : public RowTransform {
 public:
  explicit AddTransform(int64_t delta) : delta_(delta) {}
  Result<Effect> Apply(std::optional<std::string_view> current, std::string& next) const override {
    if (!current || RowDeleted(*current)) return Effect::kUnchanged;
    KALAM_ASSIGN(const RowView row, TestCodec().Open(*current));
    if (row.Get(1).integer + delta_ > 1'000'000) return Fail(ErrorCode::kConstraint, "too large");
    next = RowOf(row.Get(0).integer, row.Get(1).integer + delta_);
    return Effect::kWrite;
  }

 private:
  int64_t delta_;
};

class RemoveTransform final : public RowTransform {
 public:
  Result<Effect> Apply(std::optional<std::string_view> current, std::string& next) const override {
    if (!current || RowDeleted(*current)) return Effect::kUnchanged;
    next.assign(*current);
    PatchDeleted(true, next);
    return Effect::kWrite;
  }
};

inline RowOp Add(int64_t id, int64_t delta) {
  RowOp op = MakeOp(RowOpKind::kUpdate, id, kTestTable);
  op.transform = std::make_shared<AddTransform>(delta);
  return op;
}

inline RowOp Remove(int64_t id) {
  RowOp op = MakeOp(RowOpKind::kDelete, id, kTestTable);
  op.transform = std::make_shared<RemoveTransform>();
  return op;
}

template <typename... Ops>
Batch BatchOf(Ops... ops) {
  Batch batch;
  (batch.rows.push_back(std::move(ops)), ...);
  return batch;
}

// nullopt when the batch was accepted.
inline std::optional<ErrorCode> CodeOf(const CommitResult& result) {
  return result.status ? std::nullopt : std::optional(result.status.error().code);
}

// Runs for each durability.
class StoreTest : public testing::TestWithParam<Durability> {
 protected:
  void SetUp() override { Open(); }
  // Observers hear of a group after its writers do, so the committer ends before those of a test are
  // destroyed.
  void TearDown() override {
    if (store_) store_->Stop();
  }

  // Closes the store first, when it is open.
  void Open() {
    if (store_) store_->Stop();
    store_.reset();
    options_.path = folder_.path() + "/db";
    options_.durability = GetParam();
    auto opened = Store::Open(options_, clock_);
    ASSERT_TRUE(opened.has_value()) << opened.error().message;
    store_ = std::move(*opened);
  }

  CommitResult Commit(Batch batch) { return store_->Commit(std::move(batch)); }
  CommitResult Commit(RowOp op) { return store_->Commit(BatchOf(std::move(op))); }

  // Commits all batches as one group: what is submitted by a CommitDone waits until that group is answered.
  std::vector<CommitResult> CommitTogether(std::vector<Batch> batches) {
    std::vector<CommitResult> results;
    Batch first;
    first.meta.push_back({"test/group", "1"});
    std::mutex mu;
    std::condition_variable done;
    const size_t count = batches.size();
    store_->Submit(std::move(first), [&](const CommitResult&) {
      for (Batch& batch : batches) {
        store_->Submit(std::move(batch), [&](CommitResult result) {
          std::lock_guard lock(mu);
          results.push_back(std::move(result));
          done.notify_one();
        });
      }
    });
    std::unique_lock lock(mu);
    done.wait(lock, [&] { return results.size() == count; });
    return results;
  }

  std::optional<std::string> Read(int64_t id, TableId table = kTestTable) const {
    PinnedBytes bytes;
    if (!store_->Get(Space::kRows, KeyOf(id, table), bytes).value()) return std::nullopt;
    return std::string(bytes.bytes());
  }
  // n of a live row.
  std::optional<int64_t> N(int64_t id, TableId table = kTestTable) const {
    const auto row = Read(id, table);
    if (!row || RowDeleted(*row)) return std::nullopt;
    return TestCodec().Open(*row)->Get(1).integer;
  }
  std::optional<std::string> Meta(std::string_view key) const {
    PinnedBytes bytes;
    if (!store_->Get(Space::kMeta, key, bytes).value()) return std::nullopt;
    return std::string(bytes.bytes());
  }

  // by_seq has exactly one entry per entry of rows, with the row's sequence and key; last_seq is not below
  // any of them.
  void ExpectBySeqMatchesRows(TableId table = kTestTable) const {
    std::map<std::string, std::string> expected;
    const std::string prefix = SharedPrefix(table);
    auto rows = store_->Scan(Space::kRows, prefix, PrefixEnd(prefix));
    for (; rows->Valid(); rows->Next()) {
      EXPECT_LE(RowSeq(rows->value()), store_->last_seq());
      std::string seq_key = prefix;
      AppendSeq(RowSeq(rows->value()), seq_key);
      expected[seq_key] = std::string(rows->key().substr(prefix.size()));
    }
    std::map<std::string, std::string> found;
    auto by_seq = store_->Scan(Space::kBySeq, prefix, PrefixEnd(prefix));
    for (; by_seq->Valid(); by_seq->Next()) found[std::string(by_seq->key())] = std::string(by_seq->value());
    EXPECT_EQ(found, expected);
  }

  TempFolder folder_;
  ManualClock clock_{1'750'000'000'000'000};
  StoreOptions options_;
  std::unique_ptr<Store> store_;
};

inline std::string DurabilityName(const testing::TestParamInfo<Durability>& test) {
  return test.param == Durability::kSync ? "sync" : "os";
}

}  // namespace kalam::hot
