// ColdVersions: rows of one scope that stand in files, in `_seq` order.
//
// One thread; what is given to it outlives it. Reads files: for the reader pool only.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.h"
#include "catalog/catalog.h"
#include "engine/engine.h"
#include "hot/store.h"

namespace kalam::live {

class ColdVersions {
 public:
  // Rows with after < _seq <= up_to of `files`, which may be nullptr.
  ColdVersions(const engine::Engine& engine, const catalog::Table& table,
               std::shared_ptr<const engine::FileSet> files, Seq after, Seq up_to, hot::Direction direction);
  ~ColdVersions();

  // The sequence of the next row; nullopt = the end.
  Result<std::optional<Seq>> Peek();
  // Stored bytes of that row, and goes on. After Peek gave a sequence.
  std::string Take();

 private:
  // Rows that one statement reads.
  static constexpr size_t kPortionRows = 2'048;
  class Source;
  class Sink;
  Status ReadPortion();

  const engine::Engine& engine_;
  const catalog::Table& table_;
  std::shared_ptr<const Source> source_;
  Seq after_;
  Seq up_to_;
  const bool forward_;
  engine::ParsedStatementPtr statement_;
  std::vector<std::string> rows_;  // of the portion
  size_t next_ = 0;
  bool ended_ = false;
};

}  // namespace kalam::live
