#include "topics/message.h"

#include "topics/little_endian.h"

namespace kalam::topics {
namespace {

constexpr uint8_t kFormat = 1;
constexpr uint8_t kHasKey = 1;
constexpr uint8_t kHasUser = 2;
constexpr size_t kHeaderSize = 28;
constexpr size_t kKeySize = 14;

template <typename T>
void PutBig(T number, char* out) {
  for (size_t i = 0; i < sizeof(T); ++i) {
    out[i] = static_cast<char>(number >> (8 * (sizeof(T) - 1 - i)));
  }
}

std::unexpected<Error> Corrupt(const char* what) {
  return Fail(ErrorCode::kCorruption, std::string("stored message is malformed: ") + what);
}

}  // namespace

std::string MessageKey(TopicNumber topic, uint32_t partition, uint64_t offset) {
  std::string key(kKeySize, '\0');
  PutBig(topic.value, key.data());
  PutBig(static_cast<uint16_t>(partition), key.data() + 4);
  PutBig(offset, key.data() + 6);
  return key;
}

uint64_t OffsetOf(std::string_view message_key) {
  uint64_t offset = 0;
  for (const char c : message_key.substr(6)) offset = offset << 8 | static_cast<uint8_t>(c);
  return offset;
}

size_t MessageBytes(const Message& message) {
  return kKeySize + kHeaderSize + message.key.value_or("").size() + message.user.value_or("").size() +
         message.payload.size();
}

void AppendMessage(const Message& message, std::string& out) {
  const std::string_view key = message.key.value_or("");
  const std::string_view user = message.user.value_or("");
  out.reserve(out.size() + kHeaderSize + key.size() + user.size() + message.payload.size());
  out.push_back(static_cast<char>(kFormat));
  out.push_back(static_cast<char>(message.operation));
  out.push_back(static_cast<char>((message.key ? kHasKey : 0) | (message.user ? kHasUser : 0)));
  out.push_back(0);
  AppendLittle(message.timestamp_ms, out);
  AppendLittle(message.position, out);
  AppendLittle(static_cast<uint32_t>(key.size()), out);
  AppendLittle(static_cast<uint32_t>(user.size()), out);
  out.append(key).append(user).append(message.payload);
}

Result<Message> DecodeMessage(std::string_view value) {
  if (value.size() < kHeaderSize) return Corrupt("header is cut");
  if (value[0] != static_cast<char>(kFormat)) return Corrupt("unknown format");
  const auto operation = static_cast<uint8_t>(value[1]);
  const auto flags = static_cast<uint8_t>(value[2]);
  if (operation < 1 || operation > 3) return Corrupt("unknown operation");
  if ((flags & ~(kHasKey | kHasUser)) != 0 || value[3] != 0) return Corrupt("unknown flags");
  const uint64_t key_size = LittleAt<uint32_t>(value, 20);
  const uint64_t user_size = LittleAt<uint32_t>(value, 24);
  if (kHeaderSize + key_size + user_size > value.size()) return Corrupt("key or user is cut");
  Message message;
  message.operation = static_cast<Operation>(operation);
  message.timestamp_ms = LittleAt<int64_t>(value, 4);
  message.position = LittleAt<uint64_t>(value, 12);
  if ((flags & kHasKey) != 0) message.key = value.substr(kHeaderSize, key_size);
  if ((flags & kHasUser) != 0) message.user = value.substr(kHeaderSize + key_size, user_size);
  message.payload = value.substr(kHeaderSize + key_size + user_size);
  return message;
}

}  // namespace kalam::topics
