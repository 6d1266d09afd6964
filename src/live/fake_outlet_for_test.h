// A database with a hub and outlets in memory, for the tests of live.
#pragma once

#include <gtest/gtest.h>
#include <stdlib.h>

#include <boost/json.hpp>
#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <deque>
#include <filesystem>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "auth/users.h"
#include "base/clock.h"
#include "base/random.h"
#include "catalog/catalog.h"
#include "cold/cold_tier.h"
#include "cold/object_reader.h"
#include "cold/storage/storage_resolver.h"
#include "engine/engine.h"
#include "hot/key_codec.h"
#include "hot/store.h"
#include "live/hub.h"
#include "live/hub_feed.h"
#include "tables/read_view.h"
#include "tables/row_builder.h"
#include "tables/row_change.h"
#include "tables/table_scope.h"

namespace kalam::live {

using boost::json::object;

// Keeps messages until the test takes them. "Waiting" is what was not taken.
class FakeOutlet final : public Outlet {
 public:
  explicit FakeOutlet(size_t bytes_max = 1u << 20, wire::LiveEncoding encoding = wire::LiveEncoding::kJson)
      : bytes_max_(bytes_max), encoding_(encoding) {}

  size_t Send(std::shared_ptr<const wire::LiveBody> body, const wire::LiveIdPtr& id) override {
    std::unique_lock lock(mu_);
    released_.wait(lock, [&] { return !held_; });
    if (closed_) return 0;
    std::string text(body->head());
    text += body->EncodedId(*id);
    text += body->tail();
    waiting_ += text.size();
    most_waiting_ = std::max(most_waiting_, waiting_);
    messages_.push_back(std::move(text));
    arrived_.notify_all();
    return waiting_;
  }
  size_t waiting_bytes() const override {
    std::lock_guard lock(mu_);
    return waiting_;
  }
  size_t bytes_max() const override { return bytes_max_; }
  wire::LiveEncoding encoding() const override { return encoding_; }
  int64_t last_active_micros() const override { return 77; }
  void WantDrained() override {
    {
      std::lock_guard lock(mu_);
      want_drained_ = waiting_ > bytes_max_ / 2;
      if (want_drained_) return;
    }
    hub_->OnDrained(key_);  // the reader was faster
  }
  void Close(uint16_t code, std::string_view reason, Rest rest) override {
    std::lock_guard lock(mu_);
    if (closed_) return;
    if (rest == Rest::kDrop) messages_.clear();
    closed_ = true;
    close_code_ = code;
    close_reason_ = reason;
    arrived_.notify_all();
  }

  // The next message holds up the hub's thread until Release: what is posted meanwhile is done in this order.
  void Hold() {
    std::lock_guard lock(mu_);
    held_ = true;
  }
  void Release() {
    {
      std::lock_guard lock(mu_);
      held_ = false;
    }
    released_.notify_all();
  }

  void Attach(Hub& hub, ConnectionKey key) {
    hub_ = &hub;
    key_ = key;
  }

  // The next message, or nullopt after ten seconds or when the socket is closed.
  std::optional<object> Next() {
    std::string text;
    bool drained = false;
    {
      std::unique_lock lock(mu_);
      const bool there =
          arrived_.wait_for(lock, std::chrono::seconds(10), [&] { return !messages_.empty() || closed_; });
      if (!there || messages_.empty()) return std::nullopt;
      text = std::move(messages_.front());
      messages_.pop_front();
      waiting_ -= text.size();
      drained = want_drained_ && waiting_ <= bytes_max_ / 2;
      if (drained) want_drained_ = false;
    }
    if (drained) hub_->OnDrained(key_);
    return boost::json::parse(text).as_object();
  }
  // Until so many messages wait to be taken.
  bool WaitFor(size_t messages) {
    std::unique_lock lock(mu_);
    return arrived_.wait_for(lock, std::chrono::seconds(10), [&] { return messages_.size() >= messages; });
  }
  bool empty() const {
    std::lock_guard lock(mu_);
    return messages_.empty();
  }
  size_t most_waiting() const {
    std::lock_guard lock(mu_);
    return most_waiting_;
  }
  // Waits for the close.
  std::pair<uint16_t, std::string> Closed() {
    std::unique_lock lock(mu_);
    arrived_.wait_for(lock, std::chrono::seconds(10), [&] { return closed_; });
    return {close_code_, close_reason_};
  }

 private:
  const size_t bytes_max_;
  const wire::LiveEncoding encoding_;
  Hub* hub_ = nullptr;
  ConnectionKey key_;
  mutable std::mutex mu_;
  std::condition_variable arrived_;
  std::condition_variable released_;
  bool held_ = false;
  std::deque<std::string> messages_;
  size_t waiting_ = 0;
  size_t most_waiting_ = 0;
  bool want_drained_ = false;
  bool closed_ = false;
  uint16_t close_code_ = 0;
  std::string close_reason_;
};

// One client: a connection and its outlet.
struct Client {
  std::shared_ptr<FakeOutlet> outlet;
  ConnectionKey key;
  std::string user;
};

// A store on disk with the tables that the tests use:
//   app.notes   SHARED, private: id BIGINT PRIMARY KEY, room TEXT, n INT, body TEXT
//   app.mine    USER, the same columns
//   app.typing  STREAM, the same columns, TTL 60 s
class LiveDatabase {
 public:
  explicit LiveDatabase(HubOptions options = {}, hot::Durability durability = hot::Durability::kOs) {
    std::string name = (std::filesystem::temp_directory_path() / "kalam-live-XXXXXX").string();
    folder_ = mkdtemp(name.data());
    Open(options, durability);
  }
  ~LiveDatabase() {
    Close();
    std::filesystem::remove_all(folder_);
  }

  void Open(HubOptions options, hot::Durability durability = hot::Durability::kOs) {
    hot::StoreOptions store_options;
    store_options.path = folder_ + "/db";
    store_options.durability = durability;
    store = Value(hot::Store::Open(store_options, clock));
    feed = std::make_unique<HubFeed>();
    store->AddObserver(*feed);
    catalog = Value(catalog::Catalog::Open(*store, clock));
    users = Value(auth::Users::Open(*store, clock, ""));
    cold::StorageDefaults defaults;
    defaults.data_path = folder_;
    defaults.shared_tables_template = "{namespace}/{tableName}";
    defaults.user_tables_template = "{namespace}/{tableName}/{userId}";
    defaults.owner = "test";
    defaults.env = [](const char*) -> const char* { return nullptr; };
    storages = std::make_unique<cold::StorageResolver>(
        std::move(defaults), [this](std::string_view id) { return catalog->Snapshot()->FindStorage(id); },
        clock);
    objects = std::make_unique<cold::ObjectReader>(*storages, *store);
    engine::EngineOptions engine_options;
    engine_options.files = objects.get();
    engine = Value(engine::Engine::Open(engine_options, clock, random));
    parquet = std::make_unique<engine::ParquetWriter>(random, 64u << 20, objects.get());
    cold_tier = std::make_unique<cold::ColdTier>(*store, *engine, *parquet, *storages, clock);
    EXPECT_TRUE(cold_tier->Open());
    hub = std::make_unique<Hub>(*store, *catalog, *users, *engine, cold_tier.get(), clock, options);
    feed->Attach(*hub);
    if (catalog->Snapshot()->FindNamespace("app") == nullptr) MakeTables();
  }
  void Close() {
    if (hub) hub->Stop();
    if (store) store->Stop();
    hub.reset();
    cold_tier.reset();
    parquet.reset();
    engine.reset();
    objects.reset();
    storages.reset();
    users.reset();
    catalog.reset();
    store.reset();
  }

  template <typename T>
  static T Value(Result<T> result) {
    EXPECT_TRUE(result.has_value()) << (result ? "" : result.error().message);
    return std::move(*result);
  }

  void MakeTables() {
    EXPECT_TRUE(catalog->CreateNamespace("app"));
    MakeTable("notes", TableType::kShared);
    MakeTable("mine", TableType::kUser);
    MakeTable("typing", TableType::kStream);
  }
  void MakeTable(const std::string& name, TableType type) {
    catalog::Table draft;
    draft.ns = "app";
    draft.name = name;
    draft.type = type;
    draft.access_level = AccessLevel::kPrivate;
    if (type == TableType::kStream) draft.options.ttl_seconds = 60;
    TableSchema schema;
    for (const auto& [column, kind] : {std::pair{"id", TypeKind::kBigInt},
                                       {"room", TypeKind::kText},
                                       {"n", TypeKind::kInt},
                                       {"body", TypeKind::kText}}) {
      Column& made = schema.columns.emplace_back();
      made.name = column;
      made.type = Type(kind);
    }
    schema.columns[0].primary_key = true;
    schema.columns[0].nullable = false;
    draft.versions.push_back(std::move(schema));
    Value(catalog->CreateTable(std::move(draft)));
  }

  // Moves all live rows of the table into files.
  void Flush(const std::string& name) {
    const auto report = Value(cold_tier->Flush(WorkOn(name)));
    EXPECT_TRUE(report.failures.empty()) << report.failures[0];
  }
  // Its files become one.
  void Compact(const std::string& name) {
    const auto report = Value(cold_tier->Compact(WorkOn(name)));
    EXPECT_LE(report.files_after, report.files_before);
  }
  cold::TableWork WorkOn(const std::string& name) {
    cold::TableWork work;
    work.shape = [this, name]() -> Result<cold::TableShape> { return tables::ShapeOf(*Table(name)); };
    work.storage_of = [](std::string_view) { return std::string("local"); };
    work.should_stop = [] { return false; };
    work.moved = [](uint64_t) {};
    return work;
  }

  catalog::TablePtr Table(std::string_view name) const { return catalog->Snapshot()->FindTable("app", name); }

  // Makes the user when there is none.
  Client Connect(const std::string& user, Role role, std::shared_ptr<FakeOutlet> outlet = nullptr) {
    if (users->Find(user) == nullptr) {
      auth::User made;
      made.user_id = user;
      made.role = role;
      EXPECT_TRUE(users->Create(std::move(made)));
    }
    if (outlet == nullptr) outlet = std::make_shared<FakeOutlet>();
    const std::string id = std::string(31, 'c') + std::to_string(connections_++ % 10);
    const ConnectionKey key =
        hub->Connect(id, std::make_shared<const Principal>(Principal{user, role}), outlet);
    outlet->Attach(*hub, key);
    return {std::move(outlet), key, user};
  }
  void Subscribe(const Client& client, std::string id, std::string sql,
                 std::optional<wire::LiveOptions> options = wire::LiveOptions()) {
    hub->Subscribe(client.key, {std::move(id), std::move(sql), options});
  }

  // --- writes. nullopt n = NULL.
  hot::RowOp InsertOp(std::string_view table_name, std::string_view user, int64_t id, std::string_view room,
                      std::optional<int64_t> n, std::string_view body = "b") const {
    const auto table = Table(table_name);
    hot::RowOp op;
    op.key = tables::ScopePrefix(*table, user);
    op.prefix_size = static_cast<uint32_t>(op.key.size());
    std::vector<kalam::Value> values = {
        kalam::Value::BigInt(id), kalam::Value::Text(room),
        n ? kalam::Value::Integer(TypeKind::kInt, *n) : kalam::Value::Null(TypeKind::kInt),
        kalam::Value::Text(body)};
    while (values.size() < table->schema().columns.size()) values.push_back(kalam::Value::Null());
    EXPECT_TRUE(table->codec->Encode(values, op.value));
    if (table->type == TableType::kStream) {
      op.kind = hot::RowOpKind::kAppend;
    } else {
      EXPECT_TRUE(hot::AppendPrimaryKey(values[0], op.key));
    }
    return op;
  }
  hot::RowOp KeyOp(std::string_view table_name, std::string_view user, int64_t id) const {
    hot::RowOp op;
    op.key = tables::ScopePrefix(*Table(table_name), user);
    op.prefix_size = static_cast<uint32_t>(op.key.size());
    EXPECT_TRUE(hot::AppendPrimaryKey(kalam::Value::BigInt(id), op.key));
    return op;
  }
  hot::RowOp UpdateOp(std::string_view table, std::string_view user, int64_t id, std::string_view column,
                      const kalam::Value& value) const {
    hot::RowOp op = KeyOp(table, user, id);
    op.kind = hot::RowOpKind::kUpdate;
    const auto definition = Table(table);
    std::vector<tables::Assignment> set(1);
    set[0].ordinal = *definition->schema().Find(column);
    set[0].constant = OwnedValue(value);
    op.transform = std::make_shared<tables::UpdateChange>(definition, std::move(set),
                                                          std::span<const tables::Condition>());
    return op;
  }
  hot::RowOp DeleteOp(std::string_view table, std::string_view user, int64_t id) const {
    hot::RowOp op = KeyOp(table, user, id);
    op.kind = hot::RowOpKind::kDelete;
    op.transform = std::make_shared<tables::DeleteChange>(Table(table), std::span<const tables::Condition>());
    return op;
  }
  // Reads rows that stand in files for the committer, as statements do; again when they moved meanwhile.
  Seq Commit(const hot::RowOp& op) {
    for (;;) {
      hot::Batch batch;
      batch.rows.push_back(op);
      if (!AddColdRow(batch.rows[0])) return Seq();
      const hot::CommitResult result = store->Commit(std::move(batch));
      if (!result.status && result.status.error().code == ErrorCode::kConflict) continue;
      EXPECT_TRUE(result.status) << result.status.error().message;
      return result.last_seq;
    }
  }
  // False when the operation changes nothing.
  bool AddColdRow(hot::RowOp& op) {
    if (!op.transform) return true;
    const cold::PinPtr pin = cold_tier->Pin();
    const hot::Snapshot snapshot = store->TakeSnapshot();
    const auto entry = Value(cold_tier->Find(op.key, &snapshot));
    if (!entry) return true;
    catalog::TablePtr table;
    for (const auto& name : {"notes", "mine"}) {
      if (op.key.starts_with(hot::SharedPrefix(Table(name)->id))) table = Table(name);
    }
    op.cold_before =
        Value(cold_tier->Row(tables::ShapeOf(*table), op.key, op.prefix_size, *entry, snapshot, INT64_MAX));
    op.seen = entry->seq;
    return Value(op.transform->Apply(op.cold_before, op.value)) == hot::RowTransform::Effect::kWrite;
  }
  Seq Commit(hot::Batch batch) {
    const hot::CommitResult result = store->Commit(std::move(batch));
    EXPECT_TRUE(result.status) << result.status.error().message;
    return result.last_seq;
  }
  Seq Insert(int64_t id, std::string_view room = "r", std::optional<int64_t> n = 1,
             std::string_view body = "b") {
    return Commit(InsertOp("notes", "", id, room, n, body));
  }

  SystemClock clock;
  SystemRandom random;
  std::unique_ptr<hot::Store> store;
  std::unique_ptr<HubFeed> feed;
  std::unique_ptr<catalog::Catalog> catalog;
  std::unique_ptr<auth::Users> users;
  std::unique_ptr<cold::StorageResolver> storages;
  std::unique_ptr<cold::ObjectReader> objects;
  std::unique_ptr<engine::Engine> engine;
  std::unique_ptr<engine::ParquetWriter> parquet;
  std::unique_ptr<cold::ColdTier> cold_tier;
  std::unique_ptr<Hub> hub;

 private:
  std::string folder_;
  int connections_ = 0;
};

}  // namespace kalam::live
