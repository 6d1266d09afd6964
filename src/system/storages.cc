// system.storages: every storage, `local` first. Credentials are never shown, to nobody.
#include <fmt/format.h>

#include <array>

#include "cold/storage/storage_options.h"
#include "system/tables.h"

namespace kalam::system {
namespace {

std::span<const ResultColumn> Columns() {
  static const std::array<ResultColumn, 11> kColumns = {
      {{"storage_id", Type(TypeKind::kText), true, true},
       {"storage_name", Type(TypeKind::kText), false, true},
       {"description", Type(TypeKind::kText), false, false},
       {"storage_type", Type(TypeKind::kText), false, true},
       {"base_directory", Type(TypeKind::kText), false, true},
       {"credentials", Type(TypeKind::kText), false, false},
       {"config_json", Type(TypeKind::kJson), false, false},
       {"shared_tables_template", Type(TypeKind::kText), false, true},
       {"user_tables_template", Type(TypeKind::kText), false, true},
       {"created_at", Type(TypeKind::kTimestamp), false, true},
       {"updated_at", Type(TypeKind::kTimestamp), false, true}}};
  return kColumns;
}

Status Rows(const SystemContext& context, RowSink& out) {
  for (const StoragePtr& storage : context.catalog.Snapshot()->Storages()) {
    const std::string config = storage->config_json.empty() ? "" : cold::MaskSecrets(storage->config_json);
    // Where `local` is follows from the settings, not from its record.
    const std::string folder = storage->base_directory.empty()
                                   ? fmt::format("{}/storage", context.settings.storage.data_path)
                                   : storage->base_directory;
    const std::array<Value, 11> row = {
        Value::Text(storage->id),
        Value::Text(storage->name),
        cells::TextOrNull(storage->description),
        Value::Text(StorageTypeName(storage->type)),
        Value::Text(folder),
        storage->credentials_json.empty() ? Value::Null(TypeKind::kText) : Value::Text("***"),
        config.empty() ? Value::Null(TypeKind::kJson) : Value::Bytes(TypeKind::kJson, config),
        Value::Text(storage->shared_tables_template),
        Value::Text(storage->user_tables_template),
        cells::Millis(storage->created_at_ms),
        cells::Millis(storage->updated_at_ms)};
    KALAM_TRY(out.Row(row));
  }
  return {};
}

}  // namespace

SystemTable StoragesTable() { return {"system", "storages", Readers::kAdmins, &Columns, &Rows}; }

}  // namespace kalam::system
