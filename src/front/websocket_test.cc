#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/socket.h>
#include <unistd.h>

#include <random>
#include <string>
#include <vector>

#include "front/fake_request_for_test.h"
#include "front/websocket_frame.h"
#include "front/websocket_out.h"
#include "front/websocket_upgrade.h"
#include "wire/live_reply.h"

namespace kalam::front {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using Event = WsDecoder::Event;

// --- Frames from the client ---

// As a client sends it.
std::string Frame(uint8_t first, std::string_view payload, std::string_view mask = "\x12\x34\x56\x78") {
  std::string out(1, static_cast<char>(first));
  if (payload.size() <= 125) {
    out.push_back(static_cast<char>(0x80 | payload.size()));
  } else {
    const int bytes = payload.size() <= 0xFFFF ? 2 : 8;
    out.push_back(static_cast<char>(0x80 | (bytes == 2 ? 126 : 127)));
    for (int i = bytes - 1; i >= 0; --i)
      out.push_back(static_cast<char>(uint64_t{payload.size()} >> (8 * i)));
  }
  out += mask;
  for (size_t i = 0; i < payload.size(); ++i) out.push_back(static_cast<char>(payload[i] ^ mask[i & 3]));
  return out;
}

constexpr uint8_t kFin = 0x80;
constexpr uint8_t kText = 1;
constexpr uint8_t kBinary = 2;
constexpr uint8_t kClose = 8;
constexpr uint8_t kPing = 9;
constexpr uint8_t kPong = 10;

std::string Describe(const WsDecoder& decoder, Event event) {
  const std::string payload(decoder.payload());
  switch (event) {
    case Event::kText:
      return "text " + payload;
    case Event::kBinary:
      return "binary " + payload;
    case Event::kPing:
      return "ping " + payload;
    case Event::kPong:
      return "pong " + payload;
    case Event::kClose:
      return "close " + std::to_string(decoder.close_code()) + " " + payload;
    case Event::kTooLarge:
      return "too large";
    case Event::kFault:
      return "fault " + std::to_string(decoder.close_code());
    case Event::kNeedMore:
      break;
  }
  return "";
}

// Feeds the bytes in pieces of `step`.
std::vector<std::string> Decode(std::string bytes, size_t step, uint64_t bytes_max = 1 << 20) {
  WsDecoder decoder(bytes_max);
  std::vector<std::string> events;
  for (size_t at = 0; at < bytes.size(); at += step) {
    std::span<char> part(bytes.data() + at, std::min(step, bytes.size() - at));
    while (true) {
      const Event event = decoder.Feed(part);
      if (event == Event::kNeedMore) break;
      events.push_back(Describe(decoder, event));
      if (event == Event::kFault) return events;
    }
    EXPECT_TRUE(part.empty());
  }
  return events;
}

std::vector<std::string> Decode(const std::string& bytes) {
  const auto whole = Decode(bytes, bytes.size());
  for (const size_t step : {size_t{1}, size_t{2}, size_t{3}, size_t{7}})
    EXPECT_EQ(Decode(bytes, step), whole) << step;
  return whole;
}

TEST(WsDecoderTest, WholeMessages) {
  EXPECT_THAT(Decode(Frame(kFin | kText, "hello") + Frame(kFin | kBinary, "") + Frame(kFin | kPing, "p") +
                     Frame(kFin | kPong, "")),
              ElementsAre("text hello", "binary ", "ping p", "pong "));
  for (const size_t size : {125u, 126u, 127u, 65'535u, 65'536u, 70'001u}) {
    const std::string text(size, 'x');
    EXPECT_THAT(Decode(Frame(kFin | kText, text), 1 << 20), ElementsAre("text " + text)) << size;
    EXPECT_THAT(Decode(Frame(kFin | kText, text), 1'000), ElementsAre("text " + text)) << size;
  }
}

TEST(WsDecoderTest, FragmentsWithControlFramesInBetween) {
  EXPECT_THAT(Decode(Frame(kText, "he") + Frame(kFin | kPing, "1") + Frame(0, "") + Frame(0, "l") +
                     Frame(kFin | kPing, "2") + Frame(kFin, "lo") + Frame(kFin | kText, "next")),
              ElementsAre("ping 1", "ping 2", "text hello", "text next"));
  // A character may be cut between fragments.
  EXPECT_THAT(Decode(Frame(kText, "\xC3") + Frame(kFin, "\xA9")), ElementsAre("text \xC3\xA9"));
}

TEST(WsDecoderTest, HoldsNothingWhenIdle) {
  WsDecoder decoder(1 << 20);
  std::string bytes = Frame(kText, std::string(1'000, 'x')) + Frame(kFin, "y");
  std::span<char> part(bytes);
  EXPECT_EQ(decoder.Feed(part), Event::kText);
  EXPECT_EQ(decoder.Feed(part), Event::kNeedMore);
  EXPECT_EQ(decoder.held_bytes(), 0u);
}

TEST(WsDecoderTest, FaultsOfTheProtocol) {
  std::string unmasked = Frame(kFin | kText, "x");
  unmasked[1] = 1;
  EXPECT_THAT(Decode(unmasked), ElementsAre("fault 1002"));
  for (const int first : {0xC1, 0xA1, 0x91,        // reserved bits
                          0x83, 0x87, 0x8B, 0x8F,  // opcodes that do not exist
                          0x80, 0x00,              // continuation of nothing
                          0x08, 0x09, 0x0A}) {     // fragmented control frames
    EXPECT_THAT(Decode(Frame(static_cast<uint8_t>(first), "x")), ElementsAre("fault 1002")) << first;
  }
  EXPECT_THAT(Decode(Frame(kText, "a") + Frame(kFin | kText, "b")), ElementsAre("fault 1002"));
  EXPECT_THAT(Decode(Frame(kFin | kPing, std::string(126, 'x'))), ElementsAre("fault 1002"));
  // Longer forms of a length than needed, and one with the sign bit.
  const std::string mask = "abcd";
  EXPECT_THAT(Decode(std::string("\x81\xFE\x00\x05", 4) + mask), ElementsAre("fault 1002"));
  EXPECT_THAT(Decode(std::string("\x81\xFF\0\0\0\0\0\0\xFF\xFF", 10) + mask), ElementsAre("fault 1002"));
  EXPECT_THAT(Decode(std::string("\x81\xFF\x80\0\0\0\0\1\0\0", 10) + mask), ElementsAre("fault 1002"));
  EXPECT_THAT(Decode(Frame(kFin | kText, "\xC3(")), ElementsAre("fault 1007"));
  EXPECT_THAT(Decode(Frame(kText, "\xC3") + Frame(kFin, "")), ElementsAre("fault 1007"));
  EXPECT_THAT(Decode(Frame(kFin | kBinary, "\xC3(")), ElementsAre("binary \xC3("));
}

TEST(WsDecoderTest, CloseFrames) {
  EXPECT_THAT(Decode(Frame(kFin | kClose, "")), ElementsAre("close 1005 "));
  EXPECT_THAT(Decode(Frame(kFin | kClose,
                           "\x03\xE8"
                           "bye")),
              ElementsAre("close 1000 bye"));
  EXPECT_THAT(Decode(Frame(kFin | kClose, "\x0F\xA0")), ElementsAre("close 4000 "));
  EXPECT_THAT(Decode(Frame(kFin | kClose, "\x03")), ElementsAre("fault 1002"));
  for (const std::string_view code :
       {std::string_view("\x00\x00", 2), std::string_view("\x03\xEC"), std::string_view("\x03\xED"),
        std::string_view("\x03\xEE"), std::string_view("\x03\xF7"), std::string_view("\x13\x88")}) {
    EXPECT_THAT(Decode(Frame(kFin | kClose, code)), ElementsAre("fault 1002"));
  }
  EXPECT_THAT(Decode(Frame(kFin | kClose, "\x03\xE8\xFF")), ElementsAre("fault 1007"));
}

TEST(WsDecoderTest, ALongMessageIsReportedOnceAndSkipped) {
  const std::string big(101, 'x');
  const auto decode = [](const std::string& bytes) {
    const auto whole = Decode(bytes, bytes.size(), 100);
    EXPECT_EQ(Decode(bytes, 1, 100), whole);
    return whole;
  };
  EXPECT_THAT(decode(Frame(kFin | kText, std::string(100, 'x'))),
              ElementsAre("text " + std::string(100, 'x')));
  EXPECT_THAT(decode(Frame(kFin | kText, big) + Frame(kFin | kText, "ok")),
              ElementsAre("too large", "text ok"));
  EXPECT_THAT(decode(Frame(kText, std::string(60, 'x')) + Frame(0, std::string(60, 'y')) +
                     Frame(kFin | kPing, "p") + Frame(0, "z") + Frame(kFin, big) + Frame(kFin | kText, "ok")),
              ElementsAre("too large", "ping p", "text ok"));
  // Nobody may send forever.
  EXPECT_THAT(Decode(std::string("\x82\xFF\0\0\0\0\x04\0\0\1", 10) + "mask"), ElementsAre("fault 1009"));
}

// --- Frames from the server ---

TEST(WsFrameTest, HeadsHaveTheShortestLength) {
  const auto head = [](uint64_t size) {
    std::string out;
    AppendWsHead(WsOpcode::kText, size, out);
    EXPECT_EQ(out.size(), WsHeadSize(size));
    return out;
  };
  EXPECT_EQ(head(125), "\x81\x7D");
  EXPECT_EQ(head(126), std::string("\x81\x7E\x00\x7E", 4));
  EXPECT_EQ(head(65'536), std::string("\x81\x7F\0\0\0\0\0\1\0\0", 10));
}

TEST(WsFrameTest, CloseReasonsAreCutBetweenCharacters) {
  EXPECT_EQ(WsClosePayload(1001, "bye"),
            "\x03\xE9"
            "bye");
  EXPECT_EQ(WsClosePayload(1011, std::string(200, 'x')).size(), 125u);
  const std::string wide = WsClosePayload(1011, "x" + std::string(122, '\xC3') + "\xA9");  // cut inside é
  EXPECT_LE(wide.size(), 125u);
  std::string accents;
  for (int i = 0; i < 100; ++i) accents += "\xC3\xA9";
  EXPECT_EQ(WsClosePayload(1011, accents).size(), 2u + 122u);
}

wire::LiveBodyPtr Body(size_t size) {
  return std::make_shared<const wire::LiveBody>("{\"id\":", "," + std::string(size, 'x') + "}",
                                                wire::LiveBody::Form::kText,
                                                wire::LiveBody::Compress::kWhenSmaller);
}

std::string ReadAll(int fd, size_t size) {
  std::string out(size, '\0');
  size_t read = 0;
  while (read < size) {
    const ssize_t n = ::read(fd, out.data() + read, size - read);
    if (n <= 0) break;
    read += static_cast<size_t>(n);
  }
  out.resize(read);
  return out;
}

class WsGatherTest : public ::testing::Test {
 protected:
  void SetUp() override { ASSERT_EQ(::socketpair(AF_UNIX, SOCK_STREAM, 0, fds_), 0); }
  void TearDown() override {
    ::close(fds_[0]);
    ::close(fds_[1]);
  }
  int fds_[2];
};

TEST_F(WsGatherTest, WritesManyFramesAtOnceFromAnyOffset) {
  std::vector<WsOutFrame> frames;
  std::string expected;
  for (const size_t size : {10u, 2'000u, 0u, 1'024u, 70'000u, 5u}) {
    const auto id = std::make_shared<const wire::LiveId>("s" + std::to_string(size));
    frames.push_back({Body(size), id, WsOutFrame::Kind::kMessage});
    const std::string text = "{\"id\":" + id->json + "," + std::string(size, 'x') + "}";
    AppendWsHead(WsOpcode::kText, text.size(), expected);
    expected += text;
  }
  frames.push_back(MakeWsFrame(WsOutFrame::Kind::kPong, "p"));
  expected += "\x8A\x01p";
  frames.push_back(MakeWsFrame(WsOutFrame::Kind::kText, "{}"));
  expected += "\x81\x02{}";
  frames.push_back(MakeWsFrame(WsOutFrame::Kind::kClose, "\x03\xE8"));
  expected += "\x88\x02\x03\xE8";
  frames.push_back(MakeWsFrame(WsOutFrame::Kind::kRaw, "raw"));
  expected += "raw";
  WsGather gather;
  for (const size_t skip :
       {size_t{0}, size_t{1}, size_t{15}, size_t{2'050}, size_t{3'500}, expected.size() - 1}) {
    gather.Clear();
    for (const WsOutFrame& frame : frames) gather.Add(frame, false);
    EXPECT_EQ(gather.total(), expected.size());
    EXPECT_EQ(gather.end_of(frames.size() - 1), expected.size());
    ASSERT_EQ(gather.Send(fds_[0], skip), static_cast<ssize_t>(expected.size() - skip));
    EXPECT_EQ(ReadAll(fds_[1], expected.size() - skip), expected.substr(skip)) << skip;
  }
}

TEST_F(WsGatherTest, CompressesWhatIsWorthIt) {
  const auto id = std::make_shared<const wire::LiveId>("s1");
  const WsOutFrame large{Body(5'000), id, WsOutFrame::Kind::kMessage};
  const WsOutFrame small{Body(100), id, WsOutFrame::Kind::kMessage};
  WsGather gather;
  gather.Add(large, true);
  gather.Add(small, true);
  const size_t total = gather.total();
  ASSERT_EQ(gather.Send(fds_[0], 0), static_cast<ssize_t>(total));
  const std::string sent = ReadAll(fds_[1], total);
  ASSERT_LT(gather.end_of(0), 200u);
  EXPECT_EQ(sent[0], '\x82');
  std::string plain;
  ASSERT_TRUE(wire::Gunzip(std::string_view(sent).substr(2, gather.end_of(0) - 2), 1 << 20, plain));
  EXPECT_EQ(plain, "{\"id\":\"s1\"," + std::string(5'000, 'x') + "}");
  EXPECT_EQ(sent[gather.end_of(0)], '\x81');
}

TEST_F(WsGatherTest, ASmallNumberOfPiecesAtATime) {
  const auto id = std::make_shared<const wire::LiveId>("s1");
  const WsOutFrame frame{Body(2'000), id, WsOutFrame::Kind::kMessage};
  WsGather gather;
  while (gather.has_room()) gather.Add(frame, false);
  EXPECT_LE(gather.total(), (256u << 10) + 3'000);
  EXPECT_GT(gather.Send(fds_[0], 0), 0);
}

TEST(WsQueueTest, IsAQueue) {
  WsQueue queue;
  std::vector<std::string> seen;
  int pushed = 0;
  std::mt19937 random(11);
  while (pushed < 2'000 || !queue.empty()) {
    if (pushed < 2'000 && (queue.empty() || random() % 3 != 0)) {
      queue.Push(MakeWsFrame(WsOutFrame::Kind::kText, std::to_string(pushed++)));
    } else {
      seen.emplace_back(queue.at(0).body->tail());
      queue.PopFront();
    }
  }
  ASSERT_EQ(seen.size(), 2'000u);
  for (int i = 0; i < 2'000; ++i) EXPECT_EQ(seen[static_cast<size_t>(i)], std::to_string(i));
  for (int i = 0; i < 3; ++i) queue.Push(MakeWsFrame(WsOutFrame::Kind::kText, std::to_string(i)));
  queue.PopFront();
  queue.Truncate(1);
  EXPECT_EQ(queue.size(), 1u);
  EXPECT_EQ(queue.at(0).body->tail(), "1");
}

// --- The opening handshake ---

FakeRequest Upgrade() {
  FakeRequest request;
  request.path_value = "/v1/ws";
  request.headers = {{"Upgrade", "websocket"},
                     {"Connection", "keep-alive, Upgrade"},
                     {"Sec-WebSocket-Version", "13"},
                     {"Sec-WebSocket-Key", "dGhlIHNhbXBsZSBub25jZQ=="}};
  return request;
}

int StatusOf(const FakeRequest& request, const config::Settings::Security& security = {}) {
  const auto opening = PrepareUpgrade(request, security);
  return opening ? 101 : opening.error().status;
}

TEST(WsUpgradeTest, AcceptIsThatOfTheSpecification) {
  const auto opening = PrepareUpgrade(Upgrade(), {});
  ASSERT_TRUE(opening);
  EXPECT_EQ(opening->accept, "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=");
  EXPECT_FALSE(opening->bearer);
  EXPECT_TRUE(opening->compress);
}

TEST(WsUpgradeTest, RefusesWhatIsNoUpgrade) {
  for (const auto& [name, value, status] : std::vector<std::tuple<std::string, std::string, int>>{
           {"Upgrade", "h2c", 426},
           {"Connection", "keep-alive", 426},
           {"Sec-WebSocket-Version", "8", 426},
           {"Sec-WebSocket-Key", "short", 400},
           {"Sec-WebSocket-Key", "dGhlIHNhbXBsZSBub25j!Q==", 400}}) {
    FakeRequest request = Upgrade();
    request.headers[name] = value;
    EXPECT_EQ(StatusOf(request), status) << name;
    request.headers.erase(name);
    EXPECT_EQ(StatusOf(request), status) << name;
  }
}

TEST(WsUpgradeTest, Origins) {
  config::Settings::Security security;
  FakeRequest foreign = Upgrade();
  foreign.headers["Origin"] = "https://evil.example";
  FakeRequest own = Upgrade();
  own.headers["Origin"] = "https://app.example";
  security.strict_ws_origin_check = true;  // without a list it has no effect
  EXPECT_EQ(StatusOf(foreign, security), 101);
  EXPECT_EQ(StatusOf(Upgrade(), security), 101);
  security.cors.allowed_origins = {"https://app.example"};
  EXPECT_EQ(StatusOf(own, security), 101);
  EXPECT_EQ(PrepareUpgrade(foreign, security).error().body, "Origin not allowed");
  EXPECT_EQ(PrepareUpgrade(Upgrade(), security).error().body, "Origin header required");
  security.strict_ws_origin_check = false;
  EXPECT_EQ(StatusOf(Upgrade(), security), 101);
  EXPECT_EQ(StatusOf(foreign, security), 403);
  security.cors.allowed_origins.push_back("*");
  EXPECT_EQ(StatusOf(foreign, security), 101);
}

TEST(WsUpgradeTest, QueryCountsOnTheHeaderPath) {
  FakeRequest request = Upgrade();
  request.query_value = "x=1&serialization=msgpack&compression=none&compress=FALSE";
  auto opening = PrepareUpgrade(request, {});
  ASSERT_TRUE(opening);
  EXPECT_FALSE(opening->compress);
  EXPECT_EQ(opening->protocol.encoding, wire::LiveEncoding::kJson);
  request.headers["Authorization"] = "Basic x";
  EXPECT_FALSE(PrepareUpgrade(request, {})->bearer);
  request.headers["Authorization"] = "Bearer t";
  opening = PrepareUpgrade(request, {});
  EXPECT_EQ(opening->bearer, "Bearer t");
  EXPECT_EQ(opening->protocol.encoding, wire::LiveEncoding::kMessagePack);
  EXPECT_FALSE(opening->protocol.gzip);
  request.query_value = "serialization=xml&compression=brotli&compress=true";
  opening = PrepareUpgrade(request, {});
  EXPECT_EQ(opening->protocol.encoding, wire::LiveEncoding::kJson);
  EXPECT_TRUE(opening->protocol.gzip);
  EXPECT_TRUE(opening->compress);
}

}  // namespace
}  // namespace kalam::front
