// ParserText: what clients of the reference may write and DuckDB's grammar reads otherwise or not at all,
// written so that it is understood.
//
//   document -> key     -> document @@ key: DuckDB's arrow makes lambdas, too, and takes everything behind it
//   for
//                          the key (-> 'a' = 'b')
// and, in a text that cannot be read as it is:
//   document ? 'key'    -> document @ 'key'
//   `name`              -> "name"
//   at, to, desc, ...   -> "at", "to", "desc": words that DuckDB reserves, where a name stands
//   EXPLAIN VERBOSE     -> EXPLAIN
//
// familiar_names.h gives the operators their meaning. Pure; linear in the text. Not for other modules.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace kalam::engine {

class ParserText {
 public:
  enum class What : uint8_t { kArrows, kEverything };
  // nullopt when there is nothing to write otherwise.
  static std::optional<ParserText> Of(const std::string& sql, What what);

  const std::string& text() const { return text_; }
  // The offset in the original text of what stands at `offset` here.
  size_t Original(size_t offset) const;

 private:
  friend class ParserTextWriter;
  std::string text_;
  std::vector<size_t> inserted_;  // where text_ has one byte more than the original, ascending
};

// The operators of the first two rows in the written text.
inline constexpr const char* kWrittenArrow = "@@";
inline constexpr const char* kWrittenHasKey = "@";

}  // namespace kalam::engine
