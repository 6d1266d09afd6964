// SubscriptionQuery: which SELECT statements can be subscribed to, for SUBSCRIBE TO and for subscriptions
// that arrive over a socket.
//
// A pure function over tokens, thread-safe. What the words mean (do table and columns exist, may the caller
// read them) is the planner's business.
#pragma once

#include <cstddef>

#include "base/error.h"
#include "sql/parse/lexer.h"
#include "sql/parse/statement.h"

namespace kalam::sql {

// SELECT columns FROM one table [WHERE condition]. Offsets are bytes into the statement's text.
struct SubscriptionQuery {
  TableRef table;
  size_t table_offset = 0;  // of its name, namespace included
  size_t table_size = 0;
  size_t columns_offset = 0;  // of the text between SELECT and FROM
  size_t columns_size = 0;
  size_t where_offset = 0;  // of the condition behind WHERE
  size_t where_size = 0;    // 0 = no WHERE
};

// kInvalidSql in the protocol's words: "Subscription query does not support ORDER BY. Only SELECT ... FROM
// ... [WHERE ...] is supported.", and kSyntax where it is no statement at all.
Result<SubscriptionQuery> ReadSubscriptionQuery(const StatementText& text);

}  // namespace kalam::sql
