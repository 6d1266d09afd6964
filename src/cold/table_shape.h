// TableShape: what the cold tier needs to know of a table, taken from its catalog entry by the caller.
#pragma once

#include <memory>
#include <string>

#include "base/ids.h"
#include "hot/row_codec.h"
#include "model/schema.h"

namespace kalam::cold {

struct TableShape {
  TableId id;
  std::string ns;
  std::string name;
  TableType type = TableType::kShared;
  std::shared_ptr<const hot::RowCodec> codec;  // of all schema versions

  const TableSchema& schema() const { return codec->schema(); }
  bool has_private_rows() const { return type == TableType::kUser || type == TableType::kStream; }
  std::string full_name() const { return ns + "." + name; }
};

}  // namespace kalam::cold
