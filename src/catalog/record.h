// Catalog records: definitions to and from JSON in the meta space. The format is described in
// docs/catalog-format.md; change both together.
#pragma once

#include <string>
#include <string_view>

#include "base/error.h"
#include "catalog/catalog.h"

namespace kalam::catalog {

inline constexpr std::string_view kNamespacePrefix = "ns/";
inline constexpr std::string_view kTablePrefix = "table/";
inline constexpr std::string_view kSchemaPrefix = "schema/";
inline constexpr std::string_view kViewPrefix = "view/";
inline constexpr std::string_view kStoragePrefix = "storage/";
inline constexpr std::string_view kNextTableIdKey = "catalog/next_table_id";

std::string NamespaceKey(std::string_view name);
std::string TableKey(TableId id);
std::string SchemaKey(TableId id, uint32_t version);
std::string ViewKey(std::string_view ns, std::string_view name);
std::string StorageKey(std::string_view id);

std::string EncodeNamespace(const Namespace& ns);
std::string EncodeTable(const Table& table);  // without its versions
std::string EncodeSchema(TableId id, const TableSchema& schema);

std::string EncodeView(const View& view);
std::string EncodeStorage(const Storage& storage);

// kCorruption says what is wrong; the caller adds the key.
Result<Namespace> DecodeNamespace(std::string_view json);
struct TableRecord {
  Table table;                // `versions` and `codec` are empty
  uint32_t last_version = 0;  // number of the newest schema record
};
Result<TableRecord> DecodeTable(std::string_view json);
struct SchemaRecord {
  TableId table;
  TableSchema schema;
};
Result<SchemaRecord> DecodeSchema(std::string_view json);
Result<View> DecodeView(std::string_view json);
Result<Storage> DecodeStorage(std::string_view json);

}  // namespace kalam::catalog
