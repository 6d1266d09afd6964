#include "wire/message_pack.h"

#include <bit>
#include <cmath>
#include <cstring>

#include "wire/json_text.h"
#include "wire/value_json.h"

namespace kalam::wire {
namespace {

constexpr int kDepthMax = 32;

void AppendBigEndian(uint64_t number, int bytes, std::string& out) {
  for (int i = bytes - 1; i >= 0; --i) out.push_back(static_cast<char>(number >> (8 * i)));
}

void AppendTagged(uint8_t tag, uint64_t number, int bytes, std::string& out) {
  out.push_back(static_cast<char>(tag));
  AppendBigEndian(number, bytes, out);
}

void AppendStringHeader(size_t size, std::string& out) {
  if (size < 32) {
    out.push_back(static_cast<char>(0xa0 | size));
  } else if (size <= 0xff) {
    AppendTagged(0xd9, size, 1, out);
  } else if (size <= 0xffff) {
    AppendTagged(0xda, size, 2, out);
  } else {
    AppendTagged(0xdb, size, 4, out);
  }
}

bool AppendPackEmbedding(std::string_view bytes, std::string& out) {
  static_assert(std::endian::native == std::endian::little);
  const size_t count = bytes.size() / sizeof(float);
  AppendPackArray(static_cast<uint32_t>(count), out);
  for (size_t i = 0; i < count; ++i) {
    float element = 0;
    std::memcpy(&element, bytes.data() + i * sizeof element, sizeof element);
    if (!std::isfinite(element)) return false;
    AppendPackDouble(static_cast<double>(element), out);
  }
  return true;
}

// Reads one message and writes it as JSON.
class Transcoder {
 public:
  Transcoder(std::string_view bytes, size_t json_bytes_max) : rest_(bytes), json_bytes_max_(json_bytes_max) {}

  Result<std::string> Run() {
    KALAM_TRY(TakeValue(0));
    if (!rest_.empty()) return Invalid("bytes after the message");
    return std::move(out_);
  }

 private:
  static std::unexpected<Error> Invalid(std::string_view why) {
    return Fail(ErrorCode::kInvalidInput, "Invalid MessagePack: " + std::string(why));
  }

  Result<uint64_t> TakeNumber(size_t bytes) {
    if (rest_.size() < bytes) return Invalid("the message is cut off");
    uint64_t number = 0;
    for (size_t i = 0; i < bytes; ++i) number = number << 8 | static_cast<uint8_t>(rest_[i]);
    rest_.remove_prefix(bytes);
    return number;
  }

  Result<std::string_view> TakeBytes(uint64_t size) {
    if (rest_.size() < size) return Invalid("the message is cut off");
    const std::string_view bytes = rest_.substr(0, static_cast<size_t>(size));
    rest_.remove_prefix(bytes.size());
    return bytes;
  }

  Status TakeString(uint64_t size) {
    KALAM_ASSIGN(const std::string_view text, TakeBytes(size));
    if (!IsUtf8(text)) return Invalid("a string is not UTF-8");
    AppendJsonString(text, out_);
    return CheckSize();
  }

  Status CheckSize() {
    if (out_.size() <= json_bytes_max_) return {};
    return Invalid("the message is too large");
  }

  Status TakeArray(uint64_t count, int depth) {
    out_.push_back('[');
    for (uint64_t i = 0; i < count; ++i) {
      if (i != 0) out_.push_back(',');
      KALAM_TRY(TakeValue(depth + 1));
    }
    out_.push_back(']');
    return {};
  }

  Status TakeMap(uint64_t count, int depth) {
    out_.push_back('{');
    for (uint64_t i = 0; i < count; ++i) {
      if (i != 0) out_.push_back(',');
      if (rest_.empty()) return Invalid("the message is cut off");
      if (!IsString(static_cast<uint8_t>(rest_.front()))) return Invalid("a key is not a string");
      KALAM_TRY(TakeValue(depth + 1));
      out_.push_back(':');
      KALAM_TRY(TakeValue(depth + 1));
    }
    out_.push_back('}');
    return {};
  }

  static bool IsString(uint8_t tag) { return (tag & 0xe0) == 0xa0 || (tag >= 0xd9 && tag <= 0xdb); }

  Status PutDouble(double number) {
    if (AppendDouble(number, out_)) return {};
    return Invalid("a number is not finite");
  }

  Status TakeSigned(size_t bytes) {
    KALAM_ASSIGN(const uint64_t raw, TakeNumber(bytes));
    const int shift = static_cast<int>(64 - 8 * bytes);
    AppendInteger(static_cast<int64_t>(raw << shift) >> shift, out_);
    return {};
  }

  Status TakeUnsigned(size_t bytes) {
    KALAM_ASSIGN(const uint64_t number, TakeNumber(bytes));
    AppendUnsigned(number, out_);
    return {};
  }

  Status TakeValue(int depth) {
    if (depth > kDepthMax) return Invalid("the message nests too deeply");
    KALAM_TRY(CheckSize());
    KALAM_ASSIGN(const uint64_t first, TakeNumber(1));
    const auto tag = static_cast<uint8_t>(first);
    if (tag <= 0x7f) {
      AppendUnsigned(tag, out_);
      return {};
    }
    if (tag <= 0x8f) return TakeMap(tag & 0x0f, depth);
    if (tag <= 0x9f) return TakeArray(tag & 0x0f, depth);
    if (tag <= 0xbf) return TakeString(tag & 0x1f);
    if (tag >= 0xe0) {
      AppendInteger(static_cast<int8_t>(tag), out_);
      return {};
    }
    return TakeTagged(tag, depth);
  }

  Status TakeTagged(uint8_t tag, int depth) {
    switch (tag) {
      case 0xc0:
        out_ += "null";
        return {};
      case 0xc2:
        out_ += "false";
        return {};
      case 0xc3:
        out_ += "true";
        return {};
      case 0xca: {
        KALAM_ASSIGN(const uint64_t bits, TakeNumber(4));
        return PutDouble(static_cast<double>(std::bit_cast<float>(static_cast<uint32_t>(bits))));
      }
      case 0xcb: {
        KALAM_ASSIGN(const uint64_t bits, TakeNumber(8));
        return PutDouble(std::bit_cast<double>(bits));
      }
      case 0xcc:
      case 0xcd:
      case 0xce:
      case 0xcf:
        return TakeUnsigned(size_t{1} << (tag - 0xcc));
      case 0xd0:
      case 0xd1:
      case 0xd2:
      case 0xd3:
        return TakeSigned(size_t{1} << (tag - 0xd0));
      default:
        return TakeSized(tag, depth);
    }
  }

  // Strings, bin, arrays and maps whose size follows.
  Status TakeSized(uint8_t tag, int depth) {
    size_t size_bytes = 0;
    if (tag >= 0xc4 && tag <= 0xc6) size_bytes = size_t{1} << (tag - 0xc4);
    if (tag >= 0xd9 && tag <= 0xdb) size_bytes = size_t{1} << (tag - 0xd9);
    if (tag >= 0xdc) size_bytes = (tag & 1) == 0 ? 2 : 4;
    if (size_bytes == 0) return Invalid("extension types are not supported");
    KALAM_ASSIGN(const uint64_t size, TakeNumber(size_bytes));
    if (tag <= 0xdb) return TakeString(size);
    return tag <= 0xdd ? TakeArray(size, depth) : TakeMap(size, depth);
  }

  std::string_view rest_;
  const size_t json_bytes_max_;
  std::string out_;
};

}  // namespace

void AppendPackNil(std::string& out) { out.push_back(static_cast<char>(0xc0)); }

void AppendPackBoolean(bool value, std::string& out) {
  out.push_back(static_cast<char>(value ? 0xc3 : 0xc2));
}

void AppendPackInteger(int64_t number, std::string& out) {
  const auto bits = static_cast<uint64_t>(number);
  if (number >= 0) {
    if (number <= 0x7f) return out.push_back(static_cast<char>(number));
    if (number <= 0xff) return AppendTagged(0xcc, bits, 1, out);
    if (number <= 0xffff) return AppendTagged(0xcd, bits, 2, out);
    if (number <= 0xffff'ffff) return AppendTagged(0xce, bits, 4, out);
    return AppendTagged(0xcf, bits, 8, out);
  }
  if (number >= -32) return out.push_back(static_cast<char>(number));
  if (number >= INT8_MIN) return AppendTagged(0xd0, bits, 1, out);
  if (number >= INT16_MIN) return AppendTagged(0xd1, bits, 2, out);
  if (number >= INT32_MIN) return AppendTagged(0xd2, bits, 4, out);
  AppendTagged(0xd3, bits, 8, out);
}

void AppendPackDouble(double number, std::string& out) {
  AppendTagged(0xcb, std::bit_cast<uint64_t>(number), 8, out);
}

void AppendPackString(std::string_view text, std::string& out) {
  if (IsUtf8(text)) [[likely]] {
    AppendStringHeader(text.size(), out);
    out += text;
    return;
  }
  std::string repaired;
  AppendUtf8(text, repaired);
  AppendStringHeader(repaired.size(), out);
  out += repaired;
}

void AppendPackMap(uint32_t fields, std::string& out) {
  if (fields < 16) {
    out.push_back(static_cast<char>(0x80 | fields));
  } else if (fields <= 0xffff) {
    AppendTagged(0xde, fields, 2, out);
  } else {
    AppendTagged(0xdf, fields, 4, out);
  }
}

void AppendPackArray(uint32_t elements, std::string& out) {
  if (elements < 16) {
    out.push_back(static_cast<char>(0x90 | elements));
  } else if (elements <= 0xffff) {
    AppendTagged(0xdc, elements, 2, out);
  } else {
    AppendTagged(0xdd, elements, 4, out);
  }
}

void SetPackMap(size_t at, uint16_t fields, std::string& out) {
  out[at] = static_cast<char>(0xde);
  out[at + 1] = static_cast<char>(fields >> 8);
  out[at + 2] = static_cast<char>(fields);
}

void SetPackArray(size_t at, uint32_t elements, std::string& out) {
  out[at] = static_cast<char>(0xdd);
  for (size_t i = 0; i < 4; ++i) out[at + 1 + i] = static_cast<char>(elements >> (24 - 8 * i));
}

bool AppendPackValue(const Value& value, std::string& out) {
  if (value.is_null) {
    AppendPackNil(out);
    return true;
  }
  switch (value.kind) {
    case TypeKind::kNull:
      AppendPackNil(out);
      return true;
    case TypeKind::kBoolean:
      AppendPackBoolean(value.integer != 0, out);
      return true;
    case TypeKind::kSmallInt:
    case TypeKind::kInt:
    case TypeKind::kDate:
    case TypeKind::kTime:
    case TypeKind::kTimestamp:
    case TypeKind::kDateTime:
      AppendPackInteger(value.integer, out);
      return true;
    case TypeKind::kFloat:
    case TypeKind::kDouble:
      AppendPackDouble(value.real, out);
      return std::isfinite(value.real);
    case TypeKind::kText:
    case TypeKind::kJson:
    case TypeKind::kFile:
    case TypeKind::kList:  // no column has this type: JSON text stays text
      AppendPackString(value.text(), out);
      return true;
    case TypeKind::kBytes:
      AppendPackArray(static_cast<uint32_t>(value.text().size()), out);
      for (const char byte : value.text()) AppendPackInteger(static_cast<uint8_t>(byte), out);
      return true;
    case TypeKind::kEmbedding:
      return AppendPackEmbedding(value.text(), out);
    case TypeKind::kBigInt:
    case TypeKind::kUBigInt:
    case TypeKind::kDecimal:
    case TypeKind::kHugeInt:
    case TypeKind::kUuid:
      break;
  }
  // Numbers that JSON shows as text: the same text without its quotes.
  std::string text;
  AppendJsonValue(value, text);
  AppendPackString(std::string_view(text).substr(1, text.size() - 2), out);
  return true;
}

Result<std::string> PackToJson(std::string_view bytes, size_t json_bytes_max) {
  return Transcoder(bytes, json_bytes_max).Run();
}

}  // namespace kalam::wire
