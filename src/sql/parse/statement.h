// Statements as the handlers get them: the kinds, and one struct per Kalam statement.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

#include "engine/statement.h"
#include "model/principal.h"
#include "model/schema.h"
#include "topics/start_position.h"
#include "topics/topic.h"

namespace kalam::sql {

enum class StatementKind : uint8_t {
  kSelect,
  kInsert,
  kUpdate,
  kDelete,
  kExplain,
  kCreateNamespace,
  kAlterNamespace,
  kDropNamespace,
  kShowNamespaces,
  kUseNamespace,
  kCreateTable,
  kAlterTable,
  kDropTable,
  kShowTables,
  kDescribeTable,
  kCreateUser,
  kAlterUser,
  kDropUser,
  kCreateStorage,
  kAlterStorage,
  kDropStorage,
  kShowStorages,
  kCheckStorage,
  kCreateTopic,
  kAlterTopic,
  kDropTopic,
  kClearTopic,
  kConsume,
  kAck,
  kBegin,
  kCommit,
  kRollback,
  kFlushTable,
  kFlushAll,
  kCompactTable,
  kCompactAll,
  kKillJob,
  kBackup,
  kRestore,
  kShowStats,
  kShowColumns,
  kShowAll,
  kSet,
  kKillLiveQuery,
  kSubscribe,
  kCluster,
  kShowLimits,
  kExportUserData,
  kShowExport,
  kShowManifest,
  kCreateView,
  kDropView,
  kCount,  // not a kind
};

struct CreateNamespace {
  std::string name;
  bool if_not_exists = false;
};
struct AlterNamespace {
  std::string name;
  std::vector<std::pair<std::string, std::string>> options;  // key, value as JSON text
};
struct DropNamespace {
  std::string name;
  bool if_exists = false;
  bool cascade = false;
};
struct ShowNamespaces {};
struct UseNamespace {
  std::string name;
};

// A table name in a Kalam statement; parts folded to lower case, ns empty when not given.
using TableRef = engine::TableName;

// A DEFAULT as written. The handler casts it to the column's type.
struct DefaultClause {
  DefaultKind kind = DefaultKind::kNone;
  std::string expression;  // kLiteral: the SQL text
};
struct ColumnDefinition {
  std::string name;  // lower case
  DataType type;
  std::optional<bool> nullable;  // as written; nullopt = not mentioned
  bool primary_key = false;
  DefaultClause default_value;
  bool auto_increment = false;  // AUTO_INCREMENT, IDENTITY or a SERIAL type
  bool has_unenforced = false;  // UNIQUE, CHECK or REFERENCES, which have no effect
};
struct CreateTable {
  TableRef table;
  TableType type = TableType::kShared;
  bool type_given = false;
  bool if_not_exists = false;
  std::vector<ColumnDefinition> columns;
  bool has_unenforced = false;  // of the table or of a column
  TableOptions options;
  std::optional<AccessLevel> access_level;
};
struct AlterTable {
  TableRef table;
  enum class Op : uint8_t {
    kAddColumn,
    kDropColumn,
    kModifyColumn,  // type and, when given, nullability
    kSetNotNull,
    kDropNotNull,
    kSetDefault,
    kDropDefault,
    kRenameColumn,
    kSetAccessLevel,
  } op = Op::kAddColumn;
  ColumnDefinition
      column;  // kAddColumn, kModifyColumn; name for the other column ops; default_value for kSetDefault
  std::string new_name;  // kRenameColumn
  AccessLevel access_level = AccessLevel::kPrivate;
};
struct DropTable {
  TableRef table;
  bool if_exists = false;
};
struct ShowTables {
  std::optional<std::string> ns;
};
struct DescribeTable {
  TableRef table;
  bool history = false;
  bool short_form = false;  // DESCRIBE t, without the word TABLE: for administrators
};
struct ShowStats {
  TableRef table;
};
struct ShowColumns {
  TableRef table;
};
struct ShowAll {};
struct ShowLimits {};
struct SetOption {
  std::string name;  // lower case, parts joined by '.'
};

struct CreateUser {
  std::string user_id;
  enum class Auth : uint8_t { kPassword, kOauth, kInternal } auth = Auth::kPassword;
  std::string secret;  // the password, or the OAuth JSON
  Role role = Role::kUser;
  std::optional<std::string> email;
  bool if_not_exists = false;
};
struct AlterUser {
  std::string user_id;
  enum class Op : uint8_t { kPassword, kRole, kEmail } op = Op::kPassword;
  std::string text;  // password or e-mail
  Role role = Role::kUser;
};
struct DropUser {
  std::string user_id;
  bool if_exists = false;
  bool cascade = false;  // erase everything of the user at once
};
// The clauses of CREATE and ALTER STORAGE as written; nullopt = not there. `credentials` and `config` may
// hold secrets.
struct StorageText {
  std::optional<std::string> type;
  std::optional<std::string> name;
  std::optional<std::string> description;
  std::optional<std::string> path;
  std::optional<std::string> bucket;
  std::optional<std::string> region;
  std::optional<std::string> base_directory;
  std::optional<std::string> shared_tables_template;
  std::optional<std::string> user_tables_template;
  std::optional<std::string> credentials;
  std::optional<std::string> config;
};
struct CreateStorage {
  std::string storage_id;
  bool if_not_exists = false;
  StorageText text;  // type is set
};
struct AlterStorage {
  std::string storage_id;
  StorageText text;
};
struct DropStorage {
  std::string storage_id;
  bool if_exists = false;
};
struct ShowStorages {};
struct CheckStorage {
  std::string storage_id;
  bool extended = false;
};

struct FlushTable {  // FLUSH TABLE and STORAGE FLUSH TABLE, COMPACT TABLE and STORAGE COMPACT TABLE
  TableRef table;
  bool storage_word = false;  // which spelling; messages keep it
};
struct FlushAll {  // also COMPACT ALL
  std::optional<std::string> ns;
  bool storage_word = false;
};
struct KillJob {
  std::string job_id;
};
// What a topic's statement says about its retention; 0 = without limit.
struct TopicRetention {
  std::optional<int64_t> seconds;
  std::optional<int64_t> bytes_max;
};
struct CreateTopic {
  std::string name;  // lower case, as written: the handler checks it
  bool if_not_exists = false;
  uint32_t partitions = 1;
  TopicRetention retention;
};
struct AlterTopic {
  std::string name;
  std::optional<topics::Route> source;  // ADD SOURCE; else SET
  TopicRetention retention;
};
struct DropTopic {
  std::string name;
  bool if_exists = false;
};
struct ClearTopic {
  std::string name;
};
struct Consume {
  std::string topic;
  std::optional<std::string> group;
  topics::StartPosition start;
  uint32_t partition = 0;
  uint64_t limit = 100;
};
struct Ack {
  std::string topic;
  std::string group;
  uint32_t partition = 0;
  uint64_t upto = 0;
};

// BACKUP and RESTORE DATABASE, NAMESPACE ns, TABLE ns.t.
struct BackupRestore {
  std::string ns;     // empty = the whole database
  std::string table;  // empty = all of the namespace
  std::string path;
  bool overwrite = false;  // RESTORE only
};
struct KillLiveQuery {
  std::string live_id;
};
struct Subscribe {
  TableRef table;
  std::string query;  // the SELECT to subscribe with
  // Where the table's name stands in `query`.
  size_t table_offset = 0;
  size_t table_size = 0;
  std::optional<int64_t> last_rows;
  std::optional<int64_t> batch_size;
  std::optional<int64_t> from;
};
struct ShowManifest {};
struct CreateView {
  TableRef view;
  bool or_replace = false;
  bool if_not_exists = false;
  std::vector<std::string> columns;  // lower case; empty = the names of the query
  std::string query;
  std::vector<std::string> words;  // the identifiers and keywords in `query`, lower case, each once
};
struct DropView {
  TableRef view;
  bool if_exists = false;
};
struct ClusterCommand {
  std::string name;  // "SNAPSHOT", "TRANSFER LEADER"
};
struct UserExport {};          // EXPORT USER DATA and SHOW EXPORT: the kind says which
struct TransactionControl {};  // BEGIN, COMMIT, ROLLBACK: the kind says which

using StatementBody =
    std::variant<std::monostate,  // SELECT, INSERT, UPDATE, DELETE, EXPLAIN: see `parsed`
                 CreateNamespace, AlterNamespace, DropNamespace, ShowNamespaces, UseNamespace, CreateTable,
                 AlterTable, DropTable, ShowTables, DescribeTable, CreateUser, AlterUser, DropUser,
                 CreateStorage, AlterStorage, DropStorage, ShowStorages, CheckStorage, TransactionControl,
                 FlushTable, FlushAll, KillJob, CreateTopic, AlterTopic, DropTopic, ClearTopic, Consume, Ack,
                 BackupRestore, ShowStats, ShowColumns, ShowAll, SetOption, KillLiveQuery, Subscribe,
                 ClusterCommand, ShowLimits, UserExport, ShowManifest, CreateView, DropView>;

// One classified statement of a payload.
struct Statement {
  StatementKind kind = StatementKind::kSelect;
  std::string_view text;  // into the payload, inside EXECUTE AS USER the inner statement
  std::optional<std::string> execute_as;
  StatementBody body;
};

}  // namespace kalam::sql
