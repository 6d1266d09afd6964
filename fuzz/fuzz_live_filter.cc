// Any bytes as a subscription's SELECT: compiling answers with a query or a refusal that says something, and
// a query decides every row of a table without harm.
#include <algorithm>
#include <array>
#include <cstdint>
#include <cstdlib>
#include <filesystem>
#include <string>
#include <vector>

#include "catalog/catalog.h"
#include "live/codes.h"
#include "live/query.h"

using namespace kalam;

namespace {

void Check(bool holds) {
  if (!holds) std::abort();
}

// One table, app.t, and two rows of it.
struct World {
  SystemClock clock;
  SystemRandom random;
  std::unique_ptr<hot::Store> store;
  std::unique_ptr<catalog::Catalog> catalog;
  std::unique_ptr<engine::Engine> engine;
  std::unique_ptr<live::Queries> queries;
  std::vector<std::string> rows;

  World() {
    hot::StoreOptions options;
    std::string name = (std::filesystem::temp_directory_path() / "kalam-fuzz-XXXXXX").string();
    options.path = std::string(mkdtemp(name.data())) + "/db";
    options.durability = hot::Durability::kOs;
    store = std::move(hot::Store::Open(options, clock)).value();
    catalog = std::move(catalog::Catalog::Open(*store, clock)).value();
    engine = std::move(engine::Engine::Open({}, clock, random)).value();
    queries = std::make_unique<live::Queries>(*catalog, *engine);
    Check(catalog->CreateNamespace("app").has_value());
    catalog::Table draft;
    draft.ns = "app";
    draft.name = "t";
    draft.access_level = AccessLevel::kPublic;
    TableSchema schema;
    for (const auto& [column, kind] : {std::pair{"id", TypeKind::kBigInt},
                                       {"a", TypeKind::kText},
                                       {"n", TypeKind::kInt},
                                       {"d", TypeKind::kDouble},
                                       {"at", TypeKind::kTimestamp},
                                       {"u", TypeKind::kUuid}}) {
      Column& made = schema.columns.emplace_back();
      made.name = column;
      made.type = Type(kind);
    }
    schema.columns[0].primary_key = true;
    schema.columns[0].nullable = false;
    draft.versions.push_back(std::move(schema));
    const auto table = std::move(catalog->CreateTable(std::move(draft))).value();
    const std::array<Value, 6> full = {Value::BigInt(1),
                                       Value::Text("x"),
                                       Value::Integer(TypeKind::kInt, 2),
                                       Value::Real(TypeKind::kDouble, 0.5),
                                       Value::Integer(TypeKind::kTimestamp, 5),
                                       Value::Wide(TypeKind::kUuid, 7)};
    std::array<Value, 6> empty = {Value::BigInt(2)};
    for (const auto& values : {full, empty}) {
      Check(table->codec->Encode(values, rows.emplace_back()).has_value());
    }
  }
};

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  static World* const world = new World;
  const Principal caller{"ann", Role::kUser};
  std::string sql(reinterpret_cast<const char*>(data), size);
  // Mostly conditions: whole statements are what engine_parse is for.
  if (!sql.empty() && sql[0] == 'W') sql = "SELECT * FROM app.t WHERE " + sql.substr(1);
  const auto query = world->queries->Compile(sql, caller);
  if (!query) {
    Check(!query.error().message.empty());
    return 0;
  }
  const catalog::Table& table = *(*query)->table;
  std::vector<hot::RowView> rows;
  for (const std::string& bytes : world->rows) rows.push_back(*table.codec->Open(bytes));
  std::vector<uint8_t> matches;
  const Status matched = (*query)->filter->Match(rows, table.schema(), 0, matches);
  if (!matched) return 0;
  Check(matches.size() == rows.size());
  // A row that matches has the value that the index looks for.
  const auto& equality = (*query)->filter->equality();
  for (size_t i = 0; i < rows.size(); ++i) {
    if (matches[i] == 0) continue;
    const auto shown = (*query)->projection->Insert(wire::LiveEncoding::kJson, rows[i]);
    Check(shown.has_value());
    if (!equality) continue;
    std::string key;
    live::AppendHashKey(rows[i].Get(equality->ordinal), key);
    Check(std::ranges::binary_search(equality->keys, key));
  }
  return 0;
}
