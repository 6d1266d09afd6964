// Storage templates: from a table and a user to the folder of its files.
//
// Purpose: `{namespace}/{tableName}/{userId}` and the like. What a template may say is checked once, when a
//   storage is created or altered; what it becomes can never leave the storage, and two tables or two users
//   never share a folder. Threads: pure.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "base/error.h"

namespace kalam::cold {

enum class TemplateKind : uint8_t {
  kShared,  // {namespace} before {tableName}; {shard} may follow
  kUser,    // {userId}, and before it in this order {namespace}, {tableName}, {shard} as far as they stand
            // there
};

// kInvalidOperation in the protocol's words: "Invalid storage template: User table template: {userId} is
// required". Older spellings of the placeholders ({table_name}, {user-id}, ...) are fine. Empty is fine: the
// server's setting counts then.
Status ValidateTemplate(TemplateKind kind, std::string_view text);

struct TemplateValues {
  std::string_view ns;
  std::string_view table;
  std::string_view user_id;  // kUser
};

// The folder, without a slash at its end. `text` must be valid. {shard} is two hexadecimal digits of a hash
// of the user id (of the table's name for shared tables), so that 256 folders share many users. A user
// template without {namespace} or {tableName} gets the table's full name as last part.
std::string ResolveTemplate(TemplateKind kind, std::string_view text, const TemplateValues& values);

}  // namespace kalam::cold
