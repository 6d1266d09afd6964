// Strong ids: numbers that cannot be mixed up.
#pragma once

#include <compare>
#include <cstdint>
#include <functional>

namespace kalam {

// A number of one kind. `Tag` is never defined; it only makes the type distinct.
template <typename Tag, typename Rep>
struct StrongId {
  Rep value{};

  constexpr StrongId() = default;
  constexpr explicit StrongId(Rep v) : value(v) {}
  friend constexpr auto operator<=>(StrongId, StrongId) = default;
};

// Never reused, so a dropped table's keys cannot be mistaken for a new table's.
using TableId = StrongId<struct TableIdTag, uint32_t>;
// Stable for the life of a table; a re-added column gets a new id.
using ColumnId = StrongId<struct ColumnIdTag, uint32_t>;
// Position of a row version in commit order; see hot/seq.h for the layout. 0 = none.
using Seq = StrongId<struct SeqTag, int64_t>;

}  // namespace kalam

template <typename Tag, typename Rep>
struct std::hash<kalam::StrongId<Tag, Rep>> {
  size_t operator()(kalam::StrongId<Tag, Rep> id) const noexcept { return std::hash<Rep>{}(id.value); }
};
