// ColdVersions: rows of one scope that stand in files, in `_seq` order.
//
// One thread; what is given to it outlives it. Reads files: for the reader pool only.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.h"
#include "catalog/catalog.h"
#include "engine/engine.h"
#include "hot/store.h"
#include "tables/row_change.h"

namespace kalam::live {

class ColdVersions {
 public:
  // Rows with after < _seq <= up_to of `files`, which may be nullptr, for which all `conditions` hold.
  ColdVersions(const engine::Engine& engine, const catalog::Table& table,
               std::shared_ptr<const engine::FileSet> files, Seq after, Seq up_to, hot::Direction direction,
               std::span<const tables::OwnedCondition> conditions = {});
  ~ColdVersions();

  // The sequence of the next row; nullopt = the end.
  Result<std::optional<Seq>> Peek();
  // Stored bytes of that row, and goes on. After Peek gave a sequence.
  std::string Take();

 private:
  // Rows that one statement reads. It looks at all rows of the files above the last one, so portions grow
  // from one to the next, as far as their bytes allow.
  static constexpr size_t kFirstPortionRows = 2'048;
  static constexpr size_t kPortionRowsMin = 256;
  static constexpr size_t kPortionRowsMax = 32'768;
  static constexpr size_t kPortionBytes = 8u << 20;
  class Source;
  class Sink;
  Status ReadPortion();
  Status Prepare();
  void SizeNextPortion();

  const engine::Engine& engine_;
  const catalog::Table& table_;
  std::shared_ptr<const Source> source_;
  Seq after_;
  Seq up_to_;
  const bool forward_;
  const std::span<const tables::OwnedCondition> conditions_;
  size_t portion_rows_ = kFirstPortionRows;
  engine::ParsedStatementPtr statement_;  // of portion_rows_; nullptr: to be prepared
  std::vector<std::string> rows_;         // of the portion
  size_t next_ = 0;
  bool ended_ = false;
};

}  // namespace kalam::live
