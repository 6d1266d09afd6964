#include "hot/resume_horizon.h"

#include <fmt/format.h>

#include <charconv>

namespace kalam::hot {

std::string ResumeHorizonKey(TableId table) { return fmt::format("resume_horizon/{:08x}", table.value); }

MetaOp ResumeHorizonOp(TableId table, Seq horizon) {
  return {ResumeHorizonKey(table), fmt::to_string(horizon.value)};
}

Result<Seq> ReadResumeHorizon(const Store& store, TableId table, const Snapshot* snapshot) {
  PinnedBytes stored;
  KALAM_ASSIGN(const bool found, store.Get(Space::kMeta, ResumeHorizonKey(table), stored, snapshot));
  if (!found) return Seq();
  const std::string_view text = stored.bytes();
  int64_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || end != text.data() + text.size() || value < 0) {
    return Fail(ErrorCode::kCorruption,
                fmt::format("The resume horizon of table {} does not decode", table.value));
  }
  return Seq(value);
}

}  // namespace kalam::hot
