#include "cold/storage/s3_xml.h"

#include <fmt/format.h>

#include <algorithm>
#include <boost/property_tree/ptree.hpp>
#include <boost/property_tree/xml_parser.hpp>
#include <charconv>
#include <ctime>
#include <optional>
#include <sstream>

namespace kalam::cold {
namespace {

using boost::property_tree::ptree;

// nullopt when it is no XML. Entities of a DOCTYPE are not expanded.
std::optional<ptree> ParseXml(std::string_view xml) {
  try {
    std::istringstream in{std::string(xml)};
    ptree tree;
    boost::property_tree::read_xml(in, tree);
    return tree;
  } catch (const boost::property_tree::ptree_error&) {
    return std::nullopt;
  }
}

std::string Unquoted(std::string text) {
  std::erase(text, '"');
  return text;
}

// "2026-11-25T20:30:00.000Z"; 0 when it is none.
int64_t ParseTime(const std::string& text) {
  tm parts{};
  const char* rest = strptime(text.c_str(), "%Y-%m-%dT%H:%M:%S", &parts);
  return rest == nullptr ? 0 : timegm(&parts) * 1000;
}

int HexDigit(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  return -1;
}

std::string UrlDecode(std::string_view text) {
  std::string out;
  for (size_t i = 0; i < text.size(); ++i) {
    if (text[i] == '%' && i + 2 < text.size() && HexDigit(text[i + 1]) >= 0 && HexDigit(text[i + 2]) >= 0) {
      out.push_back(static_cast<char>(HexDigit(text[i + 1]) * 16 + HexDigit(text[i + 2])));
      i += 2;
    } else {
      out.push_back(text[i] == '+' ? ' ' : text[i]);
    }
  }
  return out;
}

std::unexpected<Error> NotUnderstood(std::string_view what) {
  return Fail(ErrorCode::kCorruption, fmt::format("the store's answer is no {}", what));
}

}  // namespace

Result<S3Listing> ParseListing(std::string_view xml) {
  const auto tree = ParseXml(xml);
  const auto root = tree ? tree->get_child_optional("ListBucketResult") : boost::none;
  if (!root) return NotUnderstood("ListBucketResult");
  const bool encoded = root->get("EncodingType", "") == "url";
  S3Listing listing;
  listing.truncated = root->get("IsTruncated", "") == "true";
  for (const auto& [name, node] : *root) {
    if (name != "Contents") continue;
    S3Listing::Entry entry;
    const std::string key = node.get("Key", "");
    entry.key = encoded ? UrlDecode(key) : key;
    const std::string size = node.get("Size", "");
    const auto [end, failed] = std::from_chars(size.data(), size.data() + size.size(), entry.size);
    if (entry.key.empty() || failed != std::errc() || end != size.data() + size.size()) {
      return NotUnderstood("list of objects with keys and sizes");
    }
    entry.etag = Unquoted(node.get("ETag", ""));
    entry.modified_at_ms = ParseTime(node.get("LastModified", ""));
    listing.entries.push_back(std::move(entry));
  }
  return listing;
}

std::string ParseErrorCode(std::string_view xml) {
  const auto tree = ParseXml(xml);
  const std::string code = tree ? tree->get("Error.Code", "") : "";
  const bool plain =
      code.size() <= 64 && std::all_of(code.begin(), code.end(), [](char c) {
        return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '.';
      });
  return plain ? code : "";
}

Result<std::string> ParseUploadId(std::string_view xml) {
  const auto tree = ParseXml(xml);
  std::string id = tree ? tree->get("InitiateMultipartUploadResult.UploadId", "") : "";
  if (id.empty()) return NotUnderstood("InitiateMultipartUploadResult");
  return id;
}

std::string CompleteUploadXml(const std::vector<std::string>& etags) {
  std::string xml = "<CompleteMultipartUpload>";
  for (size_t i = 0; i < etags.size(); ++i) {
    xml +=
        fmt::format("<Part><PartNumber>{}</PartNumber><ETag>&quot;{}&quot;</ETag></Part>", i + 1, etags[i]);
  }
  return xml + "</CompleteMultipartUpload>";
}

std::string UrlEncode(std::string_view text, bool keep_slash) {
  std::string out;
  for (const char c : text) {
    const bool plain = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
                       c == '-' || c == '_' || c == '.' || c == '~' || (c == '/' && keep_slash);
    if (plain) {
      out.push_back(c);
    } else {
      out += fmt::format("%{:02X}", static_cast<unsigned char>(c));
    }
  }
  return out;
}

}  // namespace kalam::cold
