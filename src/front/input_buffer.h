// InputBuffer: received bytes that were not consumed yet, in one piece. Internal to front.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstring>
#include <memory>
#include <span>
#include <string_view>

namespace kalam::front {

// Empty it owns no memory after Release. Not thread-safe.
class InputBuffer {
 public:
  const char* data() const { return bytes_.get() + begin_; }
  size_t size() const { return end_ - begin_; }
  bool empty() const { return begin_ == end_; }
  size_t capacity() const { return capacity_; }
  std::string_view view() const { return {data(), size()}; }

  // Room behind the received bytes, at least `room_min`; received bytes may move.
  std::span<char> Prepare(size_t room_min) {
    if (capacity_ - end_ < room_min) MakeRoom(room_min);
    return {bytes_.get() + end_, capacity_ - end_};
  }
  void Commit(size_t size) { end_ += size; }
  void Consume(size_t size) {
    begin_ += size;
    if (begin_ == end_) begin_ = end_ = 0;
  }
  // Removes bytes from the middle.
  void Erase(size_t at, size_t size) {
    char* hole = bytes_.get() + begin_ + at;
    std::memmove(hole, hole + size, end_ - begin_ - at - size);
    end_ -= size;
  }
  // Gives the memory back; nothing may be in the buffer.
  void Release() {
    bytes_.reset();
    capacity_ = begin_ = end_ = 0;
  }

 private:
  void MakeRoom(size_t room_min) {
    const size_t size = end_ - begin_;
    if (capacity_ - size >= room_min) {
      std::memmove(bytes_.get(), bytes_.get() + begin_, size);
    } else {
      capacity_ = std::max(size + room_min, 2 * capacity_);
      auto larger = std::make_unique_for_overwrite<char[]>(capacity_);
      if (size != 0) std::memcpy(larger.get(), bytes_.get() + begin_, size);
      bytes_ = std::move(larger);
    }
    begin_ = 0;
    end_ = size;
  }

  std::unique_ptr<char[]> bytes_;
  size_t capacity_ = 0;
  size_t begin_ = 0;
  size_t end_ = 0;
};

}  // namespace kalam::front
