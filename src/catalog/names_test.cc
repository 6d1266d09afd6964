#include <gtest/gtest.h>

#include <string>
#include <string_view>

#include "catalog/catalog.h"

namespace kalam::catalog {
namespace {

std::string Fault(const Status& status) {
  if (status.has_value()) return "";
  EXPECT_EQ(status.error().code, ErrorCode::kInvalidOperation);
  return status.error().message;
}

TEST(NamesTest, OrdinaryNamesPass) {
  for (std::string_view name : {"id", "user", "key", "value", "name", "timestamp", "type", "status", "data",
                                "event", "date", "a1", "x_y", "firstName"}) {
    EXPECT_EQ(Fault(ValidateName(name)), "") << name;
    EXPECT_EQ(Fault(ValidateNamespaceName(name)), "") << name;
    EXPECT_EQ(Fault(ValidateColumnName(name)), "") << name;
  }
  EXPECT_EQ(Fault(ValidateName(std::string(64, 'a'))), "");
  EXPECT_EQ(Fault(ValidateNamespaceName("dba")), "");
  EXPECT_EQ(Fault(ValidateColumnName("default")), "") << "reserved for namespaces only";
}

TEST(NamesTest, RulesInOrder) {
  EXPECT_EQ(Fault(ValidateName("")), "Name cannot be empty");
  EXPECT_EQ(Fault(ValidateName(std::string(65, ' '))), "Name is too long (65 characters, max 64)");
  EXPECT_EQ(Fault(ValidateName("_a b")), "Name cannot contain spaces");
  EXPECT_EQ(Fault(ValidateName("_a-b")), "Name cannot start with underscore (reserved for system columns)");
  EXPECT_EQ(Fault(ValidateName("1a-b")), "Name cannot start with a number");
  EXPECT_EQ(Fault(ValidateName("a/b")),
            "Name 'a/b' contains invalid characters (only alphanumeric and underscore allowed)");
  EXPECT_EQ(Fault(ValidateName("gr\xC3\xB6\xC3\x9F"
                               "e")),
            "Name 'gr\xC3\xB6\xC3\x9F"
            "e' contains invalid characters (only alphanumeric and underscore allowed)");
  EXPECT_EQ(Fault(ValidateName("Select")), "Name 'Select' is a reserved SQL keyword and cannot be used");
}

TEST(NamesTest, ReservedNames) {
  for (std::string_view name :
       {"system", "sys", "root", "kalamdb", "kalam", "main", "default", "sql", "admin", "internal",
        "information_schema", "pg_catalog", "datafusion", "SYSTEM"}) {
    EXPECT_EQ(Fault(ValidateNamespaceName(name)),
              "Namespace '" + std::string(name) + "' is reserved and cannot be used");
  }
  for (std::string_view name : {"_seq", "_deleted", "_id", "_row_id", "_rowid", "_key", "_updated",
                                "_created", "_timestamp", "_version", "_hash"}) {
    EXPECT_EQ(Fault(ValidateColumnName(name)),
              "Column name '" + std::string(name) + "' is reserved and cannot be used");
  }
  EXPECT_EQ(Fault(ValidateColumnName("_other")),
            "Name cannot start with underscore (reserved for system columns)");
}

TEST(NamesTest, EveryReservedKeyword) {
  constexpr std::string_view kAll =
      "WITH EXPLAIN ANALYZE SELECT WHERE GROUP SORT HAVING ORDER PIVOT UNPIVOT TOP LATERAL VIEW LIMIT OFFSET "
      "FETCH UNION "
      "EXCEPT EXCLUDE INTERSECT MINUS ON JOIN INNER CROSS FULL LEFT RIGHT NATURAL USING CLUSTER DISTRIBUTE "
      "GLOBAL ANTI SEMI "
      "ASOF RETURNING OUTER SET QUALIFY WINDOW END FOR PARTITION PREWHERE SETTINGS FORMAT START CONNECT "
      "MATCH_CONDITION "
      "MATCH_RECOGNIZE SAMPLE TABLESAMPLE FROM OPEN INTO EXISTS INTERVAL STRUCT TRIM TABLE TABLES TABLESPACE "
      "INDEX SCHEMA "
      "DATABASE INSERT UPDATE DELETE CREATE DROP ALTER ";
  for (size_t begin = 0; begin < kAll.size();) {
    const size_t end = kAll.find(' ', begin);
    const std::string word(kAll.substr(begin, end - begin));
    EXPECT_EQ(Fault(ValidateName(word)), "Name '" + word + "' is a reserved SQL keyword and cannot be used");
    begin = end + 1;
  }
}

}  // namespace
}  // namespace kalam::catalog
