#include "cold/storage/s3_object_store.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <utility>
#include <vector>

#include "base/error_detail.h"
#include "cold/storage/object_path.h"
#include "cold/storage/s3_client.h"
#include "cold/storage/s3_refusal.h"
#include "cold/storage/s3_xml.h"

namespace kalam::cold {
namespace {

constexpr uint64_t kPartsMax = 10'000;
// For the clean-up of a failed upload, whatever is left of the caller's time.
constexpr int64_t kAbortNanos = 10'000'000'000;

class File {
 public:
  explicit File(const std::string& path) : fd_(::open(path.c_str(), O_RDONLY | O_CLOEXEC)) {}
  ~File() {
    if (fd_ >= 0) ::close(fd_);
  }
  File(const File&) = delete;
  File& operator=(const File&) = delete;
  int get() const { return fd_; }
  // False when it cannot be told.
  bool Size(uint64_t& size) const {
    struct stat st;
    if (fd_ < 0 || ::fstat(fd_, &st) != 0) return false;
    size = static_cast<uint64_t>(st.st_size);
    return true;
  }

 private:
  int fd_;
};

// 0 or errno; EIO when the file is shorter.
int ReadAt(int fd, uint64_t offset, std::span<char> out) {
  size_t done = 0;
  while (done < out.size()) {
    const ssize_t n = ::pread(fd, out.data() + done, out.size() - done, static_cast<off_t>(offset + done));
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) return errno;
    if (n == 0) return EIO;
    done += static_cast<size_t>(n);
  }
  return 0;
}

Error LocalFileError(const StoreOperation& operation, std::string_view file) {
  return StoreError(ErrorCode::kIo, operation, "local_file",
                    fmt::format("the local file '{}' cannot be read", file));
}

}  // namespace

S3ObjectStore::S3ObjectStore(std::string storage_id, S3Options options, const Clock& clock)
    : storage_id_(std::move(storage_id)),
      client_(std::make_unique<S3Client>(std::move(options), clock)),
      clock_(clock) {}
S3ObjectStore::~S3ObjectStore() = default;

const std::string& S3ObjectStore::staging_folder() const { return client_->options().staging_folder; }

std::string S3ObjectStore::KeyOf(std::string_view path) const {
  const std::string& prefix = client_->options().prefix;
  return prefix.empty() ? std::string(path) : fmt::format("{}/{}", prefix, path);
}

Result<ObjectInfo> S3ObjectStore::Put(std::string_view path, std::string_view bytes, const StoreCall& call) {
  const StoreOperation operation{storage_id_, "put", path};
  KALAM_TRY(ValidateObjectPath(path));
  const std::string key = KeyOf(path);
  S3Request request;
  request.method = S3Method::kPut;
  request.key = key;
  request.body = bytes;
  KALAM_ASSIGN(S3Response response, client_->Exchange(request, operation, call));
  return ObjectInfo{std::string(path), bytes.size(), std::move(response.etag), clock_.WallMillis()};
}

Result<ObjectInfo> S3ObjectStore::PutFile(std::string_view path, const std::string& local_file,
                                          LocalFile fate, const StoreCall& call) {
  const StoreOperation operation{storage_id_, "put", path};
  KALAM_TRY(ValidateObjectPath(path));
  const File file(local_file);
  uint64_t size = 0;
  if (!file.Size(size)) return Fail(LocalFileError(operation, local_file));
  ObjectInfo info;
  if (size > client_->options().part_bytes) {
    KALAM_ASSIGN(info, PutLarge(path, file.get(), size, operation, call));
  } else {
    std::string bytes(size, '\0');
    if (ReadAt(file.get(), 0, bytes) != 0) return Fail(LocalFileError(operation, local_file));
    KALAM_ASSIGN(info, Put(path, bytes, call));
  }
  if (fate == LocalFile::kConsume) ::unlink(local_file.c_str());
  return info;
}

Result<std::string> S3ObjectStore::UploadParts(int fd, uint64_t size, const std::string& key,
                                               const std::string& upload_id, const StoreOperation& operation,
                                               const StoreCall& call) {
  const uint64_t part_bytes = std::max(client_->options().part_bytes, size / (kPartsMax - 1) + 1);
  std::vector<std::string> etags;
  std::string bytes;
  for (uint64_t offset = 0; offset < size; offset += part_bytes) {
    bytes.resize(std::min(part_bytes, size - offset));
    if (ReadAt(fd, offset, bytes) != 0) return Fail(LocalFileError(operation, "of the upload"));
    S3Request request;
    request.method = S3Method::kPut;
    request.key = key;
    request.query = {{"partNumber", std::to_string(etags.size() + 1)}, {"uploadId", upload_id}};
    request.body = bytes;
    KALAM_ASSIGN(S3Response response, client_->Exchange(request, operation, call));
    if (response.etag.empty()) {
      return Fail(StoreError(ErrorCode::kIo, operation, "refused", "the store gave no tag for a part"));
    }
    etags.push_back(std::move(response.etag));
  }
  return CompleteUploadXml(etags);
}

Status S3ObjectStore::Complete(std::string_view path, uint64_t size, const std::string& upload_id,
                               const std::string& parts_xml, const StoreOperation& operation,
                               const StoreCall& call) {
  const std::string key = KeyOf(path);
  S3Request request;
  request.method = S3Method::kPost;
  request.key = key;
  request.query = {{"uploadId", upload_id}};
  request.body = parts_xml;
  auto completed = client_->Exchange(request, operation, call);
  if (completed) {
    // The answer starts before the store knows whether it succeeds, so an error may come with status 200.
    const std::string code = ParseErrorCode(completed->body);
    if (code.empty()) return {};
    return Fail(AnswerRefusal(500, code, client_->options(), operation).error);
  }
  if (completed.error().code != ErrorCode::kNotFound) return Fail(std::move(completed).error());
  // Unknown upload: an earlier attempt completed it and its answer was lost.
  const auto head = Head(path, call);
  if (head && head->size == size) return {};
  return Fail(std::move(completed).error());
}

Result<ObjectInfo> S3ObjectStore::PutLarge(std::string_view path, int fd, uint64_t size,
                                           const StoreOperation& operation, const StoreCall& call) {
  const std::string key = KeyOf(path);
  S3Request begin;
  begin.method = S3Method::kPost;
  begin.key = key;
  begin.query = {{"uploads", ""}};
  KALAM_ASSIGN(const S3Response begun, client_->Exchange(begin, operation, call));
  const auto upload_id = ParseUploadId(begun.body);
  if (!upload_id) return Fail(StoreError(ErrorCode::kIo, operation, "refused", upload_id.error().message));
  const Status done = [&]() -> Status {
    KALAM_ASSIGN(const std::string parts, UploadParts(fd, size, key, *upload_id, operation, call));
    return Complete(path, size, *upload_id, parts, operation, call);
  }();
  if (done) return Head(path, call);
  // Parts that stay cost money. Best effort: the store's life-cycle rules are the second line.
  S3Request abort;
  abort.method = S3Method::kDelete;
  abort.key = key;
  abort.query = {{"uploadId", *upload_id}};
  StoreCall brief;
  brief.deadline_nanos = clock_.MonotonicNanos() + kAbortNanos;
  (void)client_->Exchange(abort, operation, brief);
  return Fail(done.error());
}

Status S3ObjectStore::GetRange(std::string_view path, uint64_t offset, std::span<char> out,
                               const StoreCall& call) {
  const StoreOperation operation{storage_id_, "get", path};
  KALAM_TRY(ValidateObjectPath(path));
  if (out.empty()) {
    KALAM_TRY(Head(path, call));
    return {};
  }
  const std::string key = KeyOf(path);
  S3Request request;
  request.key = key;
  request.into = out;
  request.range_offset = offset;
  auto response = client_->Exchange(request, operation, call);
  const bool whole = response && response->received == out.size();
  if (whole) return {};
  const bool beyond = !response && HasDetail(response.error(), "storage_error", "truncated");
  if (!response && !beyond) return Fail(std::move(response).error());
  return Fail(StoreError(ErrorCode::kIo, operation, "truncated",
                         fmt::format("it ends before byte {}", offset + out.size())));
}

Result<ObjectInfo> S3ObjectStore::Head(std::string_view path, const StoreCall& call) {
  const StoreOperation operation{storage_id_, "head", path};
  KALAM_TRY(ValidateObjectPath(path));
  const std::string key = KeyOf(path);
  S3Request request;
  request.method = S3Method::kHead;
  request.key = key;
  KALAM_ASSIGN(S3Response response, client_->Exchange(request, operation, call));
  return ObjectInfo{std::string(path), response.content_length, std::move(response.etag),
                    response.modified_at_ms};
}

Result<ListPage> S3ObjectStore::List(std::string_view prefix, std::string_view after, size_t limit,
                                     const StoreCall& call) {
  const StoreOperation operation{storage_id_, "list", prefix};
  const std::string root = client_->options().prefix.empty() ? "" : client_->options().prefix + "/";
  S3Request request;
  request.query = {{"encoding-type", "url"},
                   {"list-type", "2"},
                   {"max-keys", std::to_string(std::clamp<size_t>(limit, 1, 1000))}};
  if (!root.empty() || !prefix.empty())
    request.query.emplace_back("prefix", fmt::format("{}{}", root, prefix));
  if (!after.empty()) request.query.emplace_back("start-after", fmt::format("{}{}", root, after));
  KALAM_ASSIGN(const S3Response response, client_->Exchange(request, operation, call));
  auto listing = ParseListing(response.body);
  if (!listing) return Fail(StoreError(ErrorCode::kIo, operation, "refused", listing.error().message));
  ListPage page;
  for (S3Listing::Entry& entry : listing->entries) {
    if (!entry.key.starts_with(root)) continue;
    std::string path = entry.key.substr(root.size());
    if (listing->truncated) page.next = path;
    // Others' objects, such as the markers of empty folders, are not ours to see.
    if (!ValidateObjectPath(path)) continue;
    page.objects.push_back({std::move(path), entry.size, std::move(entry.etag), entry.modified_at_ms});
  }
  return page;
}

Status S3ObjectStore::Delete(std::string_view path, const StoreCall& call) {
  const StoreOperation operation{storage_id_, "delete", path};
  KALAM_TRY(ValidateObjectPath(path));
  const std::string key = KeyOf(path);
  S3Request request;
  request.method = S3Method::kDelete;
  request.key = key;
  auto response = client_->Exchange(request, operation, call);
  if (!response && response.error().code != ErrorCode::kNotFound) return Fail(std::move(response).error());
  return {};
}

}  // namespace kalam::cold
