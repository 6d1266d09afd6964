// How a predicate is bound and evaluated outside of a query. Not for other modules.
#pragma once

#include <list>
#include <memory>
#include <mutex>
#include <unordered_map>

#include "duckdb/main/client_context.hpp"
#include "engine/engine.h"
#include "engine/predicate.h"
#include "engine/tree.h"

namespace kalam::engine {

// Evaluating needs vectors of 2,048 cells for each column and each step, some 16 KiB apiece. Only the
// predicates that were used last keep theirs; another one makes them anew, in a few microseconds.
// Thread-safe.
class PredicateScratch {
 public:
  class User {
   public:
    virtual ~User() = default;
    // Gives the memory back unless it is in use now; true when it did.
    virtual bool TryRelease() = 0;
  };
  explicit PredicateScratch(size_t users_max) : users_max_(users_max) {}

  // `user` has memory now: others may have to give theirs back. The user's own lock may be held.
  void Used(User& user);
  // Before `user` goes.
  void Forget(User& user);

 private:
  const size_t users_max_;
  std::mutex mu_;
  // Guarded by mu_; most recently used first.
  std::list<User*> users_;
  std::unordered_map<User*, std::list<User*>::iterator> places_;
};

// `keep_alive` holds whatever owns `context` for the life of the predicate. One call at a time per context.
Result<std::unique_ptr<BoundPredicate>> BindWhere(const Statement& statement,
                                                  std::span<const ResultColumn> columns,
                                                  const Principal& principal, duckdb::ClientContext& context,
                                                  std::shared_ptr<PredicateScratch> scratch,
                                                  std::shared_ptr<void> keep_alive);

}  // namespace kalam::engine
