#include "hot/row_codec.h"

#include <fmt/format.h>

#include <bit>
#include <cassert>
#include <cstring>
#include <limits>
#include <utility>

#include "base/limits.h"

namespace kalam::hot {
namespace {

static_assert(std::endian::native == std::endian::little,
              "the stored format is little-endian and read in place");

constexpr uint8_t kFormat = 1;
constexpr uint8_t kDeletedFlag = 1;
constexpr uint8_t kFirstFlag = 2;
constexpr size_t kFlagsOffset = 1;
constexpr size_t kChangedOffset = 2;
constexpr size_t kVersionOffset = 4;
constexpr size_t kSeqOffset = 8;

template <typename T>
T Load(const char* p) {
  T value;
  std::memcpy(&value, p, sizeof(T));
  return value;
}

template <typename T>
void Store(char* p, T value) {
  std::memcpy(p, &value, sizeof(T));
}

std::unexpected<Error> Corrupt(std::string what) {
  return Fail(ErrorCode::kCorruption, fmt::format("stored row is malformed: {}", what));
}

// Decimal digits that hold every value of an integer type.
int DigitsOf(TypeKind kind) { return kind == TypeKind::kSmallInt ? 5 : kind == TypeKind::kInt ? 10 : 19; }

void WriteFixed(const Value& value, TypeKind kind, char* slot) {
  switch (kind) {
    case TypeKind::kBoolean:
      *slot = static_cast<char>(value.integer != 0);
      return;
    case TypeKind::kSmallInt:
      Store(slot, static_cast<int16_t>(value.integer));
      return;
    case TypeKind::kInt:
    case TypeKind::kDate:
      Store(slot, static_cast<int32_t>(value.integer));
      return;
    case TypeKind::kFloat:
      Store(slot, static_cast<float>(value.real));
      return;
    case TypeKind::kDouble:
      Store(slot, value.real);
      return;
    case TypeKind::kDecimal:
    case TypeKind::kUuid:
      Store(slot, value.wide);
      return;
    default:
      Store(slot, value.integer);
      return;
  }
}

Value ReadFixed(const DataType& type, const char* slot) {
  switch (type.kind) {
    case TypeKind::kBoolean:
      return Value::Boolean(*slot != 0);
    case TypeKind::kSmallInt:
      return Value::Integer(type.kind, Load<int16_t>(slot));
    case TypeKind::kInt:
    case TypeKind::kDate:
      return Value::Integer(type.kind, Load<int32_t>(slot));
    case TypeKind::kFloat:
      return Value::Real(type.kind, static_cast<double>(Load<float>(slot)));
    case TypeKind::kDouble:
      return Value::Real(type.kind, Load<double>(slot));
    case TypeKind::kDecimal:
    case TypeKind::kUuid:
      return Value::Wide(type.kind, Load<Int128>(slot), type.scale);
    default:
      return Value::Integer(type.kind, Load<int64_t>(slot));
  }
}

// Days as microseconds. Days beyond the range of microseconds become the largest or smallest instant.
int64_t MicrosOfDays(int64_t days) {
  constexpr int64_t kMicrosPerDay = 86'400'000'000;
  int64_t micros = 0;
  if (!__builtin_mul_overflow(days, kMicrosPerDay, &micros)) return micros;
  return days < 0 ? -std::numeric_limits<int64_t>::max() : std::numeric_limits<int64_t>::max();
}

// The same value as type `to`; only for pairs that IsReadable accepts.
Value Widen(Value value, const DataType& to) {
  if (to.kind == TypeKind::kDecimal) {
    Int128 wide = value.kind == TypeKind::kDecimal ? value.wide : Int128{value.integer};
    for (int i = value.scale; i < to.scale; ++i) wide *= 10;
    return Value::Wide(to.kind, wide, to.scale);
  }
  if (to.kind == TypeKind::kDouble && IsInteger(value.kind)) {
    return Value::Real(to.kind, static_cast<double>(value.integer));
  }
  if (value.kind == TypeKind::kDate) return Value::Integer(to.kind, MicrosOfDays(value.integer));
  value.kind = to.kind;
  return value;
}

// True when a stored value can be read as `to`: CanWiden over several schema versions.
bool IsReadable(const DataType& stored, const DataType& to) {
  if (RowCodec::CanWiden(stored, to)) return true;
  return stored.kind == TypeKind::kFile && to.kind == TypeKind::kJson;  // by way of TEXT
}

bool Fits(const Value& value, const DataType& type) {
  if (value.kind != type.kind) return false;
  switch (type.kind) {
    case TypeKind::kSmallInt:
      return std::in_range<int16_t>(value.integer);
    case TypeKind::kInt:
    case TypeKind::kDate:
      return std::in_range<int32_t>(value.integer);
    case TypeKind::kDecimal:
      return value.scale == type.scale;
    case TypeKind::kEmbedding:
      return value.text().size() == size_t{4} * type.dimension;
    default:
      return true;
  }
}

// Values come from our own code: one of another type or size is a bug, found before it is stored.
Status CheckValue(const Value& value, const Column& column) {
  if (value.is_null || Fits(value, column.type)) return {};
  return Fail(ErrorCode::kInternal,
              fmt::format("value {} of type {} does not fit column '{}' of type {}", ToDisplay(value),
                          SqlName(Type(value.kind)), column.name, SqlName(column.type)));
}

}  // namespace

Seq RowSeq(std::string_view row) { return Seq(Load<int64_t>(row.data() + kSeqOffset)); }
bool RowDeleted(std::string_view row) {
  return (static_cast<uint8_t>(row[kFlagsOffset]) & kDeletedFlag) != 0;
}
uint32_t RowSchemaVersion(std::string_view row) { return Load<uint32_t>(row.data() + kVersionOffset); }
void PatchSeq(Seq seq, std::string& row) { Store(row.data() + kSeqOffset, seq.value); }
void PatchDeleted(bool deleted, std::string& row) {
  const auto others = static_cast<uint8_t>(static_cast<uint8_t>(row[kFlagsOffset]) & ~kDeletedFlag);
  row[kFlagsOffset] = static_cast<char>(deleted ? others | kDeletedFlag : others);
}
RowHistory RowHistoryOf(std::string_view row) {
  return {(static_cast<uint8_t>(row[kFlagsOffset]) & kFirstFlag) != 0,
          Load<uint16_t>(row.data() + kChangedOffset)};
}
void PatchHistory(RowHistory history, std::string& row) {
  const auto others = static_cast<uint8_t>(static_cast<uint8_t>(row[kFlagsOffset]) & ~kFirstFlag);
  row[kFlagsOffset] = static_cast<char>(history.first ? others | kFirstFlag : others);
  Store(row.data() + kChangedOffset, history.changed);
}

// How to read one current column from a row of one stored version. Offsets count from the row's start.
struct RowView::Slot {
  DataType type;         // current
  DataType stored;       // in the row
  bool present = false;  // false = the row has no such column, `missing` is its value
  bool variable = false;
  bool widened = false;
  uint32_t null_bit = 0;
  uint32_t offset = 0;           // of the fixed slot
  uint32_t variable_before = 0;  // of the previous variable column's slot, 0 for the first one
  Value missing;
};

// One stored version: the shape of its rows and the slots of the current columns in them.
struct RowCodec::Version {
  uint32_t number = 0;
  size_t null_bytes = 0;
  size_t fixed_end = 0;                  // header + bitmap + fixed area
  std::vector<uint32_t> variable_slots;  // in order
  std::vector<RowView::Slot> slots;      // per current column
  std::string unreadable;                // why no row of this version can be read, if so

  Version(const TableSchema& stored, const TableSchema& current) : number(stored.version) {
    null_bytes = (stored.columns.size() + 7) / 8;
    slots.resize(current.columns.size());
    for (size_t i = 0; i < current.columns.size(); ++i) {
      slots[i].type = current.columns[i].type;
    }
    fixed_end = kRowHeaderSize + null_bytes;
    uint32_t variable_before = 0;
    for (size_t i = 0; i < stored.columns.size(); ++i) {
      const Column& column = stored.columns[i];
      const auto offset = static_cast<uint32_t>(fixed_end);
      for (size_t j = 0; j < current.columns.size(); ++j) {
        if (current.columns[j].id != column.id) continue;
        RowView::Slot& slot = slots[j];
        slot.stored = column.type;
        slot.present = true;
        slot.variable = IsVariable(column.type.kind);
        slot.widened = column.type != slot.type;
        slot.null_bit = static_cast<uint32_t>(i);
        slot.offset = offset;
        slot.variable_before = variable_before;
        if (IsReadable(column.type, slot.type)) continue;
        unreadable = fmt::format("column '{}' is {} in schema version {} and cannot be read as {}",
                                 column.name, SqlName(column.type), number, SqlName(slot.type));
      }
      if (IsVariable(column.type.kind)) {
        variable_slots.push_back(offset);
        variable_before = offset;
      }
      fixed_end += FixedWidth(column.type.kind);
    }
    for (size_t i = 0; i < slots.size(); ++i) {
      if (!slots[i].present) SetMissing(current.columns[i], slots[i]);
    }
  }

  // The initial default was given when the column was added, perhaps in a narrower type.
  void SetMissing(const Column& column, RowView::Slot& slot) {
    slot.missing = Value::Null(column.type.kind);
    const Value value = column.initial_default.view();
    if (value.is_null) return;
    const DataType given{value.kind, column.type.precision, value.scale, column.type.dimension};
    if (value.kind == column.type.kind) {
      slot.missing = value;
    } else if (IsReadable(given, column.type)) {
      slot.missing = Widen(value, column.type);
    } else {
      unreadable =
          fmt::format("the initial default of column '{}' is of type {}", column.name, SqlName(given));
    }
  }
};

Value RowView::Get(size_t ordinal) const {
  const Slot& slot = slots_[ordinal];
  if (!slot.present) return slot.missing;
  const auto bitmap = static_cast<uint8_t>(row_[kRowHeaderSize + slot.null_bit / 8]);
  if ((bitmap >> (slot.null_bit % 8) & 1) != 0) return Value::Null(slot.type.kind);
  Value value;
  if (slot.variable) {
    const auto end = Load<uint32_t>(row_.data() + slot.offset);
    const uint32_t begin = slot.variable_before == 0 ? 0 : Load<uint32_t>(row_.data() + slot.variable_before);
    value = Value::Bytes(slot.stored.kind, {variable_ + begin, end - begin});
  } else {
    value = ReadFixed(slot.stored, row_.data() + slot.offset);
  }
  return slot.widened ? Widen(value, slot.type) : value;
}

RowCodec::RowCodec(std::vector<TableSchema> versions) : versions_(std::move(versions)) {
  decoders_.reserve(versions_.size());
  for (const TableSchema& stored : versions_) {
    decoders_.push_back(std::make_unique<Version>(stored, versions_.back()));
  }
}

RowCodec::~RowCodec() = default;

Status RowCodec::Encode(std::span<const Value> values, std::string& out) const {
  const TableSchema& schema = versions_.back();
  const Version& version = *decoders_.back();
  assert(values.size() == schema.columns.size());
  size_t total = version.fixed_end;
  for (size_t i = 0; i < values.size(); ++i) {
    KALAM_TRY(CheckValue(values[i], schema.columns[i]));
    if (!values[i].is_null && IsVariable(schema.columns[i].type.kind)) total += values[i].text().size();
  }
  if (total > limits::kRowBytesMax) {
    return Fail(
        ErrorCode::kLimitExceeded,
        fmt::format("A row of {} bytes is larger than the limit of {} bytes", total, limits::kRowBytesMax));
  }
  const size_t start = out.size();
  out.resize(start + total, '\0');
  char* row = out.data() + start;
  row[0] = static_cast<char>(kFormat);
  Store(row + kVersionOffset, version.number);
  char* slot = row + kRowHeaderSize + version.null_bytes;
  uint32_t variable_end = 0;
  for (size_t i = 0; i < values.size(); ++i) {
    const TypeKind kind = schema.columns[i].type.kind;
    const Value& value = values[i];
    if (value.is_null) {
      char& bits = row[kRowHeaderSize + i / 8];
      bits = static_cast<char>(bits | (1 << (i % 8)));
    }
    if (IsVariable(kind)) {
      if (!value.is_null && !value.text().empty()) {
        std::memcpy(row + version.fixed_end + variable_end, value.text().data(), value.text().size());
        variable_end += static_cast<uint32_t>(value.text().size());
      }
      Store(slot, variable_end);
    } else if (!value.is_null) {
      WriteFixed(value, kind, slot);
    }
    slot += FixedWidth(kind);
  }
  return {};
}

Result<RowView> RowCodec::Open(std::string_view row) const {
  if (row.size() < kRowHeaderSize) return Corrupt(fmt::format("{} bytes", row.size()));
  const auto format = static_cast<uint8_t>(row[0]);
  if (format != kFormat) return Corrupt(fmt::format("unknown format {}", format));
  if ((static_cast<uint8_t>(row[kFlagsOffset]) & ~(kDeletedFlag | kFirstFlag)) != 0)
    return Corrupt("unknown flags");
  if (const RowHistory history = RowHistoryOf(row); history.first && history.changed != 0)
    return Corrupt("a first version says that columns changed");
  const uint32_t number = RowSchemaVersion(row);
  // Nearly always the newest.
  auto found = decoders_.rbegin();
  while (found != decoders_.rend() && (*found)->number != number) ++found;
  if (found == decoders_.rend()) return Corrupt(fmt::format("unknown schema version {}", number));
  const Version& version = **found;
  if (!version.unreadable.empty()) return Corrupt(version.unreadable);
  if (row.size() < version.fixed_end) return Corrupt("fixed area is cut");
  uint32_t before = 0;
  const size_t variable_bytes = row.size() - version.fixed_end;
  for (const uint32_t slot : version.variable_slots) {
    const auto end = Load<uint32_t>(row.data() + slot);
    if (end < before || end > variable_bytes) return Corrupt("offset outside the row");
    before = end;
  }
  if (before != variable_bytes) return Corrupt("bytes behind the last column");
  RowView view;
  view.row_ = row;
  view.slots_ = version.slots.data();
  view.variable_ = row.data() + version.fixed_end;
  return view;
}

bool RowCodec::CanWiden(const DataType& from, const DataType& to) {
  if (from == to) return true;
  const auto rank = [](TypeKind kind) {
    return kind == TypeKind::kSmallInt ? 1 : kind == TypeKind::kInt ? 2 : 3;
  };
  if (IsInteger(from.kind) && IsInteger(to.kind)) return rank(from.kind) < rank(to.kind);
  if (to.kind == TypeKind::kDouble) {
    return from.kind == TypeKind::kFloat || from.kind == TypeKind::kSmallInt || from.kind == TypeKind::kInt;
  }
  if (to.kind == TypeKind::kDecimal) {
    if (IsInteger(from.kind)) return to.precision - to.scale >= DigitsOf(from.kind);
    return from.kind == TypeKind::kDecimal && from.scale == to.scale && from.precision <= to.precision;
  }
  const bool instant = to.kind == TypeKind::kTimestamp || to.kind == TypeKind::kDateTime;
  if (instant) {
    return from.kind == TypeKind::kDate || from.kind == TypeKind::kTimestamp ||
           from.kind == TypeKind::kDateTime;
  }
  if (to.kind == TypeKind::kText) return from.kind == TypeKind::kJson || from.kind == TypeKind::kFile;
  return to.kind == TypeKind::kJson && from.kind == TypeKind::kText;
}

}  // namespace kalam::hot
