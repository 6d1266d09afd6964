// A hub over a database of its own, and what tests expect of its messages.
#pragma once

#include <gtest/gtest.h>

#include <optional>
#include <string>
#include <string_view>

#include "live/fake_outlet_for_test.h"

namespace kalam::live {

inline std::string Text(const object& o, std::string_view key) {
  const auto* value = o.if_contains(key);
  return value == nullptr ? "" : std::string(value->as_string());
}
inline std::string TypeOf(const std::optional<object>& message) {
  return message ? Text(*message, "type") : "none";
}
inline std::string SeqText(Seq seq) { return std::to_string(seq.value); }

class HubTest : public testing::Test {
 protected:
  object Expect(const Client& client, std::string_view type) {
    auto message = client.outlet->Next();
    EXPECT_EQ(TypeOf(message), type) << (message ? boost::json::serialize(*message) : "");
    return message ? *message : object();
  }
  object ExpectChange(const Client& client, std::string_view kind) {
    object message = Expect(client, "change");
    EXPECT_EQ(Text(message, "change_type"), kind) << boost::json::serialize(message);
    return message;
  }
  object ExpectError(const Client& client, std::string_view id, std::string_view code) {
    const object message = Expect(client, "error");
    EXPECT_EQ(Text(message, "subscription_id"), id);
    EXPECT_EQ(Text(message, "code"), code) << boost::json::serialize(message);
    return message;
  }
  // Ack and the only page.
  object Loaded(const Client& client) {
    Expect(client, "subscription_ack");
    return Expect(client, "initial_data_batch");
  }
  // Everything that was sent before has been seen when this returns; nothing may be left.
  void ExpectQuiet(const Client& client) {
    db_.hub->List();
    EXPECT_TRUE(client.outlet->empty());
  }

  void EraseFromStream(Seq seq, std::string_view user = "ann") {
    hot::RowOp erase;
    erase.kind = hot::RowOpKind::kErase;
    erase.key = tables::ScopePrefix(*db_.Table("typing"), user);
    erase.prefix_size = static_cast<uint32_t>(erase.key.size());
    hot::AppendSeq(seq, erase.key);
    db_.Commit(std::move(erase));
  }

  LiveDatabase db_;
};

}  // namespace kalam::live
