// What S3 alone can do wrong: refusals, faults on the way, large objects.
#include <gtest/gtest.h>

#include <fstream>
#include <random>
#include <thread>

#include "cold/storage/s3_object_store.h"
#include "cold/storage/s3_xml.h"
#include "cold/storage/store_for_test.h"

namespace kalam::cold {
namespace {

std::string DetailOf(const Error& error, std::string_view key) {
  for (const Detail& detail : error.details) {
    if (detail.key == key) return std::get<std::string>(detail.value);
  }
  return "";
}

class S3Test : public testing::Test {
 protected:
  ~S3Test() override { server_.ClearFaults(); }

  S3Options Options() { return server_.Options(folder_.path()); }
  ObjectStorePtr Open(S3Options options) {
    return std::make_shared<S3ObjectStore>("s3-main", std::move(options), clock_);
  }
  std::string LargeFile(size_t size) {
    std::string bytes(size, '\0');
    std::minstd_rand random(7);
    for (char& c : bytes) c = static_cast<char>(random());
    content_ = bytes;
    std::ofstream(folder_.path() + "/large", std::ios::binary) << bytes;
    return folder_.path() + "/large";
  }
  void ExpectNoSecrets(const Error& error, const S3Options& options) {
    EXPECT_EQ(error.message.find(options.secret_access_key), std::string::npos) << error.message;
    EXPECT_EQ(error.message.find(options.access_key_id), std::string::npos) << error.message;
    for (const Detail& detail : error.details) {
      const auto* text = std::get_if<std::string>(&detail.value);
      if (text != nullptr) {
        EXPECT_EQ(text->find(options.secret_access_key), std::string::npos);
      }
    }
  }

  S3ServerForTest& server_ = S3ServerForTest::Shared();
  SystemClock clock_;
  TempFolder folder_;
  std::string content_;
};

TEST_F(S3Test, WrongCredentialsAreNamedWithoutShowingThem) {
  S3Options options = Options();
  options.secret_access_key = "not-the-secret";
  const auto put = Open(options)->Put("a", "x");
  ASSERT_FALSE(put);
  EXPECT_EQ(put.error().code, ErrorCode::kIo);
  EXPECT_NE(put.error().message.find("SignatureDoesNotMatch"), std::string::npos) << put.error().message;
  EXPECT_EQ(DetailOf(put.error(), "storage_error"), "access_denied");
  ExpectNoSecrets(put.error(), options);

  options = Options();
  options.access_key_id = "AKIANOBODY";
  const auto get = Open(options)->Get("a", 10);
  ASSERT_FALSE(get);
  EXPECT_EQ(DetailOf(get.error(), "storage_error"), "access_denied") << get.error().message;
  ExpectNoSecrets(get.error(), options);

  options = Options();
  options.access_key_id.clear();
  EXPECT_EQ(DetailOf(Open(options)->Put("a", "x").error(), "storage_error"), "access_denied");
}

TEST_F(S3Test, WrongBucketAndRegionAreNamed) {
  S3Options options = Options();
  options.bucket = "no-such-bucket";
  const auto put = Open(options)->Put("a", "x");
  ASSERT_FALSE(put);
  EXPECT_EQ(DetailOf(put.error(), "storage_error"), "no_such_bucket") << put.error().message;
  EXPECT_NE(put.error().message.find("bucket 'no-such-bucket' does not exist"), std::string::npos);
  options = Options();
  options.region = "eu-west-9";
  const auto other = Open(options)->Put("a", "x");
  ASSERT_FALSE(other);
  EXPECT_EQ(DetailOf(other.error(), "storage_error"), "wrong_region") << other.error().message;
}

TEST_F(S3Test, VirtualHostAddressing) {
  S3Options options = Options();
  options.path_style = false;
  options.endpoint.replace(options.endpoint.find("127.0.0.1"), 9, "localhost");
  const auto store = Open(options);
  const auto put = store->Put("v/h", "hello");
  ASSERT_TRUE(put) << put.error().message;
  EXPECT_EQ(*store->Get("v/h", 10), "hello");
  EXPECT_EQ(store->ListAll("v/")->size(), 1u);
}

TEST_F(S3Test, BusyAnswersAreTriedAgain) {
  const auto store = Open(Options());
  for (const int status : {500, 502, 503, 429}) {
    server_.Fault("status", "PUT", 2, fmt::format(R"("status":{})", status));
    const auto put = store->Put("a", "x");
    EXPECT_TRUE(put) << put.error().message;
  }
  server_.Fault("status", "GET", 3, R"("status":503)");
  EXPECT_EQ(*store->Get("a", 10), "x");
}

TEST_F(S3Test, AStoreThatStaysBusyIsUnavailable) {
  const auto store = Open(Options());
  server_.Fault("status", "PUT", 4, R"("status":503)");
  const auto put = store->Put("a", "x");
  ASSERT_FALSE(put);
  EXPECT_EQ(put.error().code, ErrorCode::kUnavailable);
  EXPECT_NE(put.error().message.find("503 SlowDown"), std::string::npos) << put.error().message;
  EXPECT_NE(put.error().message.find("tried 4 times"), std::string::npos) << put.error().message;
  EXPECT_EQ(store->Head("a").error().code, ErrorCode::kNotFound);
}

TEST_F(S3Test, BrokenConnectionsAreTriedAgain) {
  const auto store = Open(Options());
  server_.Fault("drop", "PUT", 2);
  ASSERT_TRUE(store->Put("a", std::string(100'000, 'x')));
  server_.Fault("cut", "GET", 2);
  const auto whole = store->Get("a", 1'000'000);
  ASSERT_TRUE(whole) << whole.error().message;
  EXPECT_EQ(*whole, std::string(100'000, 'x'));
  server_.Fault("lose", "PUT", 1);
  EXPECT_TRUE(store->Put("b", "done twice"));
  server_.Fault("lose", "DELETE", 1);
  EXPECT_TRUE(store->Delete("b"));
}

TEST_F(S3Test, ASlowAnswerIsReadToItsEnd) {
  const auto store = Open(Options());
  ASSERT_TRUE(store->Put("a", std::string(20'000, 'x')));
  server_.Fault("slow", "GET", 1, R"("pause":0.01)");
  EXPECT_EQ(*store->Get("a", 1'000'000), std::string(20'000, 'x'));
}

TEST_F(S3Test, SilenceEndsAtTheTimeout) {
  S3Options options = Options();
  options.request_timeout_ms = 100;
  options.attempts_max = 2;
  server_.Fault("hang", "PUT", 2, R"("seconds":5)");
  const auto put = Open(options)->Put("a", "x");
  ASSERT_FALSE(put);
  EXPECT_EQ(put.error().code, ErrorCode::kUnavailable);
  EXPECT_EQ(DetailOf(put.error(), "storage_error"), "timeout") << put.error().message;
}

TEST_F(S3Test, SilenceEndsAtTheDeadline) {
  server_.Fault("hang", "PUT", 1, R"("seconds":5)");
  StoreCall call;
  call.deadline_nanos = clock_.MonotonicNanos() + 200'000'000;
  EXPECT_EQ(Open(Options())->Put("a", "x", call).error().code, ErrorCode::kDeadline);
}

TEST_F(S3Test, SilenceEndsWhenStopped) {
  server_.Fault("hang", "GET", 1, R"("seconds":30)");
  std::stop_source stop;
  StoreCall call;
  call.stop = stop.get_token();
  std::thread stopper([&] { stop.request_stop(); });
  char byte;
  EXPECT_EQ(Open(Options())->GetRange("a", 0, {&byte, 1}, call).error().code, ErrorCode::kCancelled);
  stopper.join();
}

TEST_F(S3Test, NobodyListening) {
  S3Options options = Options();
  options.endpoint = "http://127.0.0.1:1";
  const auto head = Open(options)->Head("a");
  ASSERT_FALSE(head);
  EXPECT_EQ(head.error().code, ErrorCode::kUnavailable);
  EXPECT_NE(head.error().message.find("http://127.0.0.1:1 does not answer"), std::string::npos)
      << head.error().message;
}

TEST_F(S3Test, AStoreThatStopsMidwayComesBack) {
  const auto store = Open(Options());
  ASSERT_TRUE(store->Put("before", "x"));
  server_.Tell(R"({"do":"stop_store"})");
  const auto put = store->Put("during", "x");
  ASSERT_FALSE(put);
  EXPECT_EQ(put.error().code, ErrorCode::kUnavailable);
  server_.Tell(R"({"do":"start_store"})");
  EXPECT_EQ(*store->Get("before", 10), "x");
  EXPECT_EQ(store->Head("during").error().code, ErrorCode::kNotFound);
  EXPECT_TRUE(store->Put("during", "x"));
}

TEST_F(S3Test, LargeFilesGoUpInParts) {
  S3Options options = Options();
  options.part_bytes = 1 << 20;
  const auto store = Open(options);
  const std::string local = LargeFile((5u << 20) / 2 + 17);
  server_.Fault("status", "PUT", 2, R"("status":500,"contains":"partNumber=2")");
  const auto put = store->PutFile("large/ü 1", local, LocalFile::kConsume);
  ASSERT_TRUE(put) << put.error().message;
  EXPECT_EQ(put->size, content_.size());
  EXPECT_EQ(*store->Get("large/ü 1", 1u << 30), content_);
  EXPECT_FALSE(std::filesystem::exists(local));
  EXPECT_EQ(server_.Tell(R"({"do":"uploads"})"), "[]");
}

TEST_F(S3Test, AnUploadThatFailsLeavesNothing) {
  S3Options options = Options();
  options.part_bytes = 1 << 20;
  const auto store = Open(options);
  const std::string local = LargeFile(3u << 20);
  server_.Fault("status", "PUT", 4, R"("status":500,"contains":"partNumber=3")");
  const auto put = store->PutFile("large", local, LocalFile::kConsume);
  ASSERT_FALSE(put);
  EXPECT_EQ(put.error().code, ErrorCode::kUnavailable);
  EXPECT_TRUE(std::filesystem::exists(local));
  EXPECT_EQ(store->Head("large").error().code, ErrorCode::kNotFound);
  EXPECT_EQ(server_.Tell(R"({"do":"uploads"})"), "[]");
}

TEST_F(S3Test, ACompletionWhoseAnswerIsLostCounts) {
  S3Options options = Options();
  options.part_bytes = 1 << 20;
  const auto store = Open(options);
  const std::string local = LargeFile(2u << 20);
  server_.Fault("lose", "POST", 1, R"("contains":"uploadId")");
  const auto put = store->PutFile("large", local, LocalFile::kKeep);
  ASSERT_TRUE(put) << put.error().message;
  EXPECT_EQ(*store->Get("large", 1u << 30), content_);
}

TEST(S3Xml, ListingsOfOtherStoresAndNonsense) {
  const auto listing = ParseListing(
      "<?xml version=\"1.0\"?><ListBucketResult xmlns=\"http://s3.amazonaws.com/doc/2006-03-01/\">"
      "<IsTruncated>true</IsTruncated><Contents><Key>a &amp; b</Key><Size>12</Size><ETag>\"x\"</ETag>"
      "<LastModified>2026-01-02T03:04:05.678Z</LastModified></Contents></ListBucketResult>");
  ASSERT_TRUE(listing);
  ASSERT_EQ(listing->entries.size(), 1u);
  EXPECT_EQ(listing->entries[0].key, "a & b");
  EXPECT_EQ(listing->entries[0].size, 12u);
  EXPECT_EQ(listing->entries[0].etag, "x");
  EXPECT_EQ(listing->entries[0].modified_at_ms, 1767323045000);
  EXPECT_TRUE(listing->truncated);
  EXPECT_FALSE(ParseListing("<html>"));
  EXPECT_FALSE(ParseListing("<html></html>"));
  EXPECT_FALSE(
      ParseListing("<ListBucketResult><Contents><Key>a</Key><Size>x</Size></Contents></ListBucketResult>"));
  EXPECT_EQ(ParseErrorCode("<Error><Code>SlowDown</Code></Error>"), "SlowDown");
  EXPECT_EQ(ParseErrorCode("<Error><Code>a b\n</Code></Error>"), "") << "only plain words reach a message";
  EXPECT_EQ(ParseErrorCode("nonsense"), "");
}

}  // namespace
}  // namespace kalam::cold
