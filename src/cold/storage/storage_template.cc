#include "cold/storage/storage_template.h"

#include <fmt/format.h>
#include <openssl/sha.h>

#include <algorithm>
#include <array>
#include <vector>

#include "cold/storage/object_path.h"

namespace kalam::cold {
namespace {

using namespace std::string_view_literals;

enum class Part : uint8_t { kText, kNamespace, kTable, kShard, kUser };

struct Piece {
  Part part = Part::kText;
  std::string text;  // kText
};

struct Spelling {
  std::string_view name;
  Part part;
};
constexpr std::array kSpellings = {
    Spelling{"namespace", Part::kNamespace},
    Spelling{"namespaceId", Part::kNamespace},
    Spelling{"namespace_id", Part::kNamespace},
    Spelling{"namespace-id", Part::kNamespace},
    Spelling{"tableName", Part::kTable},
    Spelling{"table_name", Part::kTable},
    Spelling{"table-name", Part::kTable},
    Spelling{"table-id", Part::kTable},
    Spelling{"table_id", Part::kTable},
    Spelling{"shard", Part::kShard},
    Spelling{"shard_id", Part::kShard},
    Spelling{"shard-id", Part::kShard},
    Spelling{"userId", Part::kUser},
    Spelling{"user_id", Part::kUser},
    Spelling{"user-id", Part::kUser},
};

std::unexpected<Error> Refuse(TemplateKind kind, std::string_view what) {
  return Fail(ErrorCode::kInvalidOperation,
              fmt::format("Invalid storage template: {} table template: {}",
                          kind == TemplateKind::kShared ? "Shared" : "User", what));
}

Result<std::vector<Piece>> Split(TemplateKind kind, std::string_view text) {
  std::vector<Piece> pieces;
  while (!text.empty()) {
    const size_t open = text.find('{');
    if (open != 0) {
      const std::string_view literal = text.substr(0, open);
      if (literal.find('}') != std::string_view::npos) return Refuse(kind, "'}' without '{'");
      pieces.push_back({Part::kText, std::string(literal)});
      text.remove_prefix(literal.size());
      continue;
    }
    const size_t close = text.find('}');
    if (close == std::string_view::npos) return Refuse(kind, "'{' without '}'");
    const std::string_view name = text.substr(1, close - 1);
    const auto* known = std::find_if(kSpellings.begin(), kSpellings.end(),
                                     [&](const Spelling& spelling) { return spelling.name == name; });
    if (known == kSpellings.end()) {
      return Refuse(kind, fmt::format("unknown placeholder '{{{}}}'. Known: {{namespace}}, {{tableName}}, "
                                      "{{userId}}, {{shard}}",
                                      name));
    }
    pieces.push_back({known->part, {}});
    text.remove_prefix(close + 1);
  }
  return pieces;
}

// Position of the only piece of that kind; nullopt when there is none.
std::optional<size_t> Find(const std::vector<Piece>& pieces, Part part) {
  for (size_t i = 0; i < pieces.size(); ++i) {
    if (pieces[i].part == part) return i;
  }
  return std::nullopt;
}

bool IsPlainText(std::string_view text) {
  return std::all_of(text.begin(), text.end(), [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
           "_-+@.=/ "sv.find(c) != std::string_view::npos;
  });
}

// Without a slash between them, two tables could meet: a_b + c and a + b_c.
Status CheckSeparation(TemplateKind kind, const std::vector<Piece>& pieces) {
  bool open = false;  // a placeholder stands in the current part of the path
  std::array<int, 5> seen{};
  for (const Piece& piece : pieces) {
    if (piece.part == Part::kText) {
      if (!IsPlainText(piece.text)) {
        return Refuse(kind, "only letters, digits, blanks and '_-+@.=/' may stand between placeholders");
      }
      if (piece.text.find('/') != std::string::npos) open = false;
      continue;
    }
    if (open) return Refuse(kind, "placeholders must be separated by '/'");
    open = true;
    if (++seen[static_cast<size_t>(piece.part)] > 1) return Refuse(kind, "a placeholder stands there twice");
  }
  return {};
}

Status CheckOrder(TemplateKind kind, const std::vector<Piece>& pieces) {
  const auto ns = Find(pieces, Part::kNamespace), table = Find(pieces, Part::kTable),
             shard = Find(pieces, Part::kShard), user = Find(pieces, Part::kUser);
  if (kind == TemplateKind::kShared) {
    if (!ns && !table) return Refuse(kind, "Both {namespace} and {tableName} are required");
    if (!ns) return Refuse(kind, "{namespace} is required");
    if (!table) return Refuse(kind, "{tableName} is required");
    if (user) return Refuse(kind, "{userId} is not allowed, since shared tables have no user");
  } else if (!user) {
    return Refuse(kind, "{userId} is required");
  }
  const auto before = [](std::optional<size_t> a, std::optional<size_t> b) { return !a || !b || *a < *b; };
  if (!before(ns, table)) return Refuse(kind, "{namespace} must appear before {tableName}");
  if (!before(ns, shard) || !before(table, shard)) {
    return Refuse(kind, "{shard} must appear after {namespace} and {tableName}");
  }
  if (!before(ns, user)) return Refuse(kind, "{namespace} must appear before {userId}");
  if (!before(table, user)) return Refuse(kind, "{tableName} must appear before {userId}");
  if (!before(shard, user)) return Refuse(kind, "{shard} must appear before {userId}");
  return {};
}

std::string ShardOf(std::string_view text) {
  std::array<unsigned char, SHA256_DIGEST_LENGTH> digest;
  SHA256(reinterpret_cast<const unsigned char*>(text.data()), text.size(), digest.data());
  return fmt::format("{:02x}", digest[0]);
}

std::string Expand(const std::vector<Piece>& pieces, TemplateKind kind, const TemplateValues& values) {
  std::string path;
  for (const Piece& piece : pieces) {
    switch (piece.part) {
      case Part::kText:
        path += piece.text;
        break;
      case Part::kNamespace:
        path += EscapePart(values.ns);
        break;
      case Part::kTable:
        path += EscapePart(values.table);
        break;
      case Part::kShard:
        path += ShardOf(kind == TemplateKind::kUser ? std::string(values.user_id)
                                                    : fmt::format("{}.{}", values.ns, values.table));
        break;
      case Part::kUser:
        path += EscapePart(values.user_id);
        break;
    }
  }
  while (path.ends_with('/')) path.pop_back();
  while (path.starts_with('/')) path.erase(0, 1);
  return path;
}

// Names cannot hold dots, so `ns.table` is one table's own.
void AddMissingNames(std::vector<Piece>& pieces, TemplateKind kind, const TemplateValues& values) {
  if (kind != TemplateKind::kUser || (Find(pieces, Part::kNamespace) && Find(pieces, Part::kTable))) return;
  pieces.push_back({Part::kText, fmt::format("/{}.{}", EscapePart(values.ns), EscapePart(values.table))});
}

}  // namespace

Status ValidateTemplate(TemplateKind kind, std::string_view text) {
  if (text.empty()) return {};
  KALAM_ASSIGN(std::vector<Piece> pieces, Split(kind, text));
  KALAM_TRY(CheckOrder(kind, pieces));
  KALAM_TRY(CheckSeparation(kind, pieces));
  if (text.starts_with('/')) return Refuse(kind, "it is relative to the storage and must not start with '/'");
  const std::string example = Expand(pieces, kind, {"n", "t", "u"});
  if (const Status valid = ValidateObjectPath(example); !valid) return Refuse(kind, valid.error().message);
  return {};
}

std::string ResolveTemplate(TemplateKind kind, std::string_view text, const TemplateValues& values) {
  std::vector<Piece> pieces = Split(kind, text).value_or(std::vector<Piece>{});
  AddMissingNames(pieces, kind, values);
  return Expand(pieces, kind, values);
}

}  // namespace kalam::cold
