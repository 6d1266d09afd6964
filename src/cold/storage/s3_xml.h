// The XML that S3 speaks. Internal to cold/storage.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.h"

namespace kalam::cold {

struct S3Listing {
  struct Entry {
    std::string key;
    uint64_t size = 0;
    std::string etag;  // without quotes
    int64_t modified_at_ms = 0;
  };
  std::vector<Entry> entries;
  bool truncated = false;
};

// kCorruption when it is no ListBucketResult.
Result<S3Listing> ParseListing(std::string_view xml);
// Of an <Error> document: its Code when that is a plain word, else "".
std::string ParseErrorCode(std::string_view xml);
// UploadId of an InitiateMultipartUploadResult.
Result<std::string> ParseUploadId(std::string_view xml);
// The body that completes an upload: tags of parts 1, 2, ...
std::string CompleteUploadXml(const std::vector<std::string>& etags);

// %XX for everything but letters, digits and `-_.~`; a slash stays when `keep_slash`.
std::string UrlEncode(std::string_view text, bool keep_slash);

}  // namespace kalam::cold
