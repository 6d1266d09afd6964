// CLUSTER verb ...: the verbs that clients know. Their arguments are checked, so that a typing mistake shows
// before the answer that this server is a single node.
#include <fmt/format.h>

#include <array>
#include <string>

#include "sql/parse/rules.h"

namespace kalam::sql {
namespace {

// LIST and its like are commands of the command line client, not of the server.
bool IsClientCommand(const TokenReader& reader) {
  return reader.PeekWord("LIST") || reader.PeekWord("STATUS") || reader.PeekWord("LS");
}

bool AcceptNumber(TokenReader& reader) {
  if (reader.Peek().kind != TokenKind::kInteger) return false;
  reader.Take();
  return true;
}

// host:port, http://host:port, quoted or not. The lexer takes it apart, so it is read to the next blank.
bool AcceptAddress(TokenReader& reader) {
  if (reader.AtEnd()) return false;
  return !reader.ReadLoose().empty();
}

// TRIGGER ELECTION and TRIGGER-ELECTION.
bool AcceptPair(TokenReader& reader, std::string_view first, std::string_view second) {
  if (reader.AcceptWords({first, second})) return true;
  if (!reader.PeekWord(first) || !reader.PeekSymbol("-", 1) || !reader.PeekWord(second, 2)) return false;
  for (int i = 0; i < 3; ++i) reader.Take();
  return true;
}

Result<std::string> ReadPurge(TokenReader& reader) {
  reader.AcceptWord("UPTO");
  if (!AcceptNumber(reader)) {
    return reader.Refuse(
        "CLUSTER PURGE requires a numeric index; '--upto' begins a comment, so write UPTO <index>");
  }
  return "PURGE";
}

Result<std::string> ReadJoin(TokenReader& reader) {
  if (!AcceptNumber(reader)) return reader.Refuse("CLUSTER JOIN requires a numeric node id");
  reader.AcceptWord("RPC");
  if (!AcceptAddress(reader)) return reader.Refuse("CLUSTER JOIN requires an RPC address");
  reader.AcceptWord("API");
  if (!AcceptAddress(reader)) return reader.Refuse("CLUSTER JOIN requires an API address");
  return "JOIN";
}

Result<std::string> ReadVerb(TokenReader& reader) {
  for (const std::string_view verb : {"SNAPSHOT", "REBALANCE", "CLEAR", "STEPDOWN"}) {
    if (reader.AcceptWord(verb)) return std::string(verb);
  }
  if (AcceptPair(reader, "STEP", "DOWN")) return "STEPDOWN";
  if (AcceptPair(reader, "TRIGGER", "ELECTION")) return "TRIGGER ELECTION";
  if (AcceptPair(reader, "TRANSFER", "LEADER")) {
    if (!AcceptNumber(reader)) return reader.Refuse("CLUSTER TRANSFER LEADER requires a numeric node id");
    return "TRANSFER LEADER";
  }
  if (reader.AcceptWord("PURGE")) return ReadPurge(reader);
  if (reader.AcceptWord("JOIN")) return ReadJoin(reader);
  if (reader.PeekWord("LEAVE")) return reader.Refuse("CLUSTER LEAVE is not supported yet");
  if (IsClientCommand(reader)) {
    return reader.Refuse(
        "CLUSTER LIST is a CLI-only command. Use \\cluster list in kalam, or query system.cluster and "
        "system.cluster_groups directly.");
  }
  return reader.SyntaxError(
      "SNAPSHOT, PURGE, TRIGGER ELECTION, TRANSFER LEADER, JOIN, REBALANCE, STEPDOWN or CLEAR");
}

}  // namespace

Result<StatementBody> ParseCluster(TokenReader& reader) {
  ClusterCommand statement;
  KALAM_ASSIGN(statement.name, ReadVerb(reader));
  KALAM_TRY(reader.ExpectEnd());
  return statement;
}

}  // namespace kalam::sql
