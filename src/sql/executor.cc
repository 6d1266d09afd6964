#include "sql/executor.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <utility>
#include <vector>

#include "auth/allow.h"
#include "base/fault_point.h"
#include "base/gate.h"
#include "observe/redact.h"
#include "sql/audit.h"
#include "sql/bind.h"
#include "sql/default_namespace.h"
#include "sql/direct.h"
#include "sql/engine_run.h"
#include "sql/handlers.h"
#include "sql/parse/parse.h"
#include "sql/planner.h"
#include "sql/request.h"
#include "sql/services.h"
#include "sql/transaction_rules.h"
#include "sql/worker_pool.h"

namespace kalam::sql {
namespace {

bool IsEngineKind(StatementKind kind) { return kind <= StatementKind::kExplain; }

// One statement of a payload, looked at but not run.
struct PreparedStatement {
  Statement statement;
  StatementText text;  // of the statement, inside EXECUTE AS USER of the inner one
  std::shared_ptr<const Principal> principal;
  PlanPtr plan;
  std::vector<Literal> literals;
  std::string planned_namespace;
};

}  // namespace

// A payload on its way through the statements. Owned by whoever runs it: the calling thread, a queued task or
// a commit's completion.
struct Job {
  Job(const Payload& p, ExecuteDone d, Gate::Pass g, size_t response_bytes_max, int64_t now)
      : payload(p),
        done(std::move(d)),
        pass(std::move(g)),
        response_max(response_bytes_max),
        name_space(p.name_space),
        response(1, response_bytes_max),
        now_micros(now) {}

  void Fail(Error error, size_t index, bool running) {
    transaction.reset();  // rolled back before the answer is on its way
    ExecutionError failure;
    failure.error = std::move(error);
    failure.statement_index = static_cast<int64_t>(index) + 1;
    failure.while_running = running;
    if (index < prepared.size()) failure.statement = observe::RedactSql(prepared[index].text.text);
    done(std::unexpected(std::move(failure)));
  }

  Payload payload;
  ExecuteDone done;
  Gate::Pass pass;
  size_t response_max;
  std::vector<PreparedStatement> prepared;
  std::string name_space;
  wire::SqlResponse response;
  Arena arena;
  int64_t now_micros;
  size_t next = 0;                                   // statement to run
  std::unique_ptr<tables::Transaction> transaction;  // between BEGIN and COMMIT or ROLLBACK
};

struct Executor::Impl {
  explicit Impl(Services& s)
      : services(s),
        planner(s, static_cast<size_t>(s.settings.execution.sql_plan_cache_max_entries)),
        pool(static_cast<size_t>(s.settings.performance.worker_max_blocking_threads),
             static_cast<size_t>(s.settings.performance.worker_queue_max)),
        failures(
            s.metrics.AddCounter("kalam_sql_failures_total", "Statements that were refused or failed.")) {
    for (size_t kind = 0; kind < statements.size(); ++kind) {
      statements[kind] =
          &s.metrics.AddCounter("kalam_sql_statements_total", "Statements that succeeded, by kind.",
                                {{"kind", std::string(StatementName(static_cast<StatementKind>(kind)))}});
    }
  }

  // Splits, classifies, plans and authorises everything. On failure `index` is the statement's.
  Status Prepare(Job& job, size_t& index);
  Status PrepareOne(Job& job, PreparedStatement& prepared, std::string& name_space, bool batch);
  Result<std::shared_ptr<const Principal>> Impersonate(const Job& job, const std::string& target) const;

  // True when the job was answered, or its commit will answer it.
  bool TryShort(std::unique_ptr<Job>& job);
  bool TryShortRead(std::unique_ptr<Job>& job, const BindContext& context);
  bool TryShortWrite(std::unique_ptr<Job>& job, const BindContext& context);

  void Post(std::unique_ptr<Job> job);
  void RunAll(std::unique_ptr<Job> job);
  Result<Outcome> RunOne(Job& job, PreparedStatement& prepared);
  void Begin(Job& job, const PreparedStatement& prepared);

  void Finish(Job& job, size_t index, const Outcome& outcome) {
    statements[static_cast<size_t>(job.prepared[index].statement.kind)]->Add();
    job.response.EndStatement(outcome);
  }
  void Fail(Job& job, Error error, size_t index, bool running) {
    failures.Add();
    job.Fail(Complete(job, std::move(error), index), index, running);
  }
  // What clients are promised about an error and only the executor knows.
  Error Complete(const Job& job, Error error, size_t index) const;

  Services& services;
  Planner planner;
  WorkerPool pool;
  Gate gate;
  observe::Counter& failures;
  std::array<observe::Counter*, static_cast<size_t>(StatementKind::kCount)> statements{};
};

Error Executor::Impl::Complete(const Job& job, Error error, size_t index) const {
  if (index >= job.prepared.size()) return error;
  const StatementKind kind = job.prepared[index].statement.kind;
  const bool not_found = error.code >= ErrorCode::kNotFoundTable && error.code <= ErrorCode::kNotFoundUser;
  if (not_found && std::ranges::find(error.details, "operation", &Detail::key) == error.details.end())
    return std::move(error).With("operation", std::string(StatementName(kind)));
  if (error.code != ErrorCode::kDeadline) return error;
  const int64_t seconds = services.settings.execution.handler_timeout_seconds;
  return Error(ErrorCode::kDeadline, fmt::format("Handler execution exceeded {}s timeout", seconds))
      .With("timeout_seconds", seconds)
      .With("elapsed_ms", (services.clock.WallMicros() - job.payload.received_at_micros) / 1000)
      .With("statement_type", std::string(StatementTypeName(kind)));
}

Result<std::shared_ptr<const Principal>> Executor::Impl::Impersonate(const Job& job,
                                                                     const std::string& target) const {
  const Principal& actor = *job.payload.principal;
  KALAM_TRY(auth::ValidateUserId(target));
  const auth::UserPtr user = services.users.Find(target);
  const Role target_role = user ? user->role : Role::kUser;
  if (target != actor.user_id && !auth::MayImpersonate(actor.role, target_role)) {
    SubmitDeniedImpersonation(job.payload, target, services);
    return kalam::Fail(ErrorCode::kPermissionDenied,
                       fmt::format("Unauthorized: EXECUTE AS USER is not authorized: actor '{}' with role {} "
                                   "cannot target '{}' with role {}",
                                   actor.user_id, RoleTitle(actor.role), target, RoleTitle(target_role)));
  }
  return std::make_shared<const Principal>(Principal{target, Role::kUser});
}

Status Executor::Impl::PrepareOne(Job& job, PreparedStatement& prepared, std::string& name_space,
                                  bool batch) {
  KALAM_ASSIGN(prepared.statement, ParseStatement(prepared.text));
  const Statement& statement = prepared.statement;
  prepared.principal = job.payload.principal;
  if (statement.execute_as) {
    KALAM_ASSIGN(prepared.principal, Impersonate(job, *statement.execute_as));
    // The inner statement has positions of its own.
    KALAM_ASSIGN(auto inner, SplitStatements(statement.text));
    if (inner.size() != 1) {
      return kalam::Fail(ErrorCode::kInvalidInput,
                         "EXECUTE AS USER must contain exactly one wrapped SQL statement");
    }
    prepared.text = std::move(inner.front());
  }
  KALAM_TRY(AuthorizeStatement(statement, *job.payload.principal, services));
  const size_t parameters = job.payload.parameters.size();
  if (parameters > 0) {
    if (batch) {
      return kalam::Fail(ErrorCode::kParamsWithBatch,
                         "Parameters not supported with multi-statement batches");
    }
    if (!HandlerOf(statement.kind).accepts_params) {
      return kalam::Fail(
          Error(ErrorCode::kParamsNotSupported,
                fmt::format("Parameters are not supported for {} statements", StatementName(statement.kind)))
              .With("statement_type", std::string(StatementTypeName(statement.kind)))
              .With("supported_types", std::vector<std::string>{"SELECT", "INSERT", "UPDATE", "DELETE"}));
    }
    KALAM_TRY(CheckParameterLimits(job.payload.parameters, services.settings));
  }
  if (const auto* use = std::get_if<UseNamespace>(&statement.body)) name_space = use->name;
  if (!IsEngineKind(statement.kind)) return {};
  KALAM_TRY(QuoteDefaultNamespace(prepared.text, job.arena));
  auto plan = planner.Plan(prepared.text, name_space, prepared.literals);
  if (!plan) {
    // An earlier statement of the payload may create what is missing, or give it the column; then the
    // statement is planned when it runs.
    const ErrorCode code = plan.error().code;
    const bool may_appear = code == ErrorCode::kNotFoundTable || code == ErrorCode::kInvalidOperation;
    if (batch && may_appear) return {};
    return std::unexpected(std::move(plan).error());
  }
  prepared.plan = std::move(*plan);
  prepared.planned_namespace = name_space;
  KALAM_TRY(AuthorizeTables(*prepared.plan, *prepared.principal, statement.execute_as.has_value()));
  if (prepared.plan->refusal) {
    if (!batch) return kalam::Fail(*prepared.plan->refusal);
    prepared.plan = nullptr;  // as above
    return {};
  }
  return CheckParameterCount(prepared.plan->parameters, parameters);
}

Status Executor::Impl::Prepare(Job& job, size_t& index) {
  KALAM_ASSIGN(auto texts, SplitStatements(job.payload.sql));
  if (texts.empty()) return kalam::Fail(ErrorCode::kEmptySql, "No SQL statements provided");
  const bool batch = texts.size() > 1;
  job.prepared.resize(texts.size());
  if (batch) job.response = wire::SqlResponse(texts.size(), job.response_max);
  std::string name_space = job.name_space;
  for (index = 0; index < texts.size(); ++index) {
    job.prepared[index].text = std::move(texts[index]);
    KALAM_TRY(PrepareOne(job, job.prepared[index], name_space, batch));
  }
  return {};
}

void Executor::Impl::Begin(Job& job, const PreparedStatement& prepared) {
  const bool as_other = prepared.statement.execute_as.has_value();
  job.response.BeginStatement(prepared.principal->user_id, as_other || !prepared.principal->is_admin());
}

bool Executor::Impl::TryShort(std::unique_ptr<Job>& job) {
  if (job->prepared.size() != 1 || job->payload.force_engine) return false;
  PreparedStatement& prepared = job->prepared[0];
  if (!prepared.plan || !prepared.plan->has_direct() ||
      prepared.plan->catalog_version != services.catalog.version()) {
    return false;
  }
  const BindContext context{
      prepared.literals, job->payload.parameters, *prepared.principal, job->now_micros, job->arena,
      services,          NewestView(services)};
  if (prepared.plan->kind == engine::StatementKind::kSelect) return TryShortRead(job, context);
  return TryShortWrite(job, context);
}

bool Executor::Impl::TryShortRead(std::unique_ptr<Job>& job, const BindContext& context) {
  PreparedStatement& prepared = job->prepared[0];
  BoundSelect bound(*prepared.plan, context, RowCap(*prepared.plan, services.settings));
  if (bound.cost() != DirectCost::kShort) return false;
  const Result<bool> opened = bound.Open(false);
  if (opened && !*opened) return false;
  SubmitImpersonation(job->payload, prepared.statement, services);
  Begin(*job, prepared);
  bool capped = false;
  const auto rows = bound.Run(job->response, job->payload.deadline_nanos, capped);
  if (!rows) {
    Fail(*job, rows.error(), 0, true);
    return true;
  }
  if (capped) job->response.SetTruncated();
  Finish(*job, 0, {OutcomeKind::kRows, *rows, {}});
  job->done(std::move(job->response));
  return true;
}

bool Executor::Impl::TryShortWrite(std::unique_ptr<Job>& job, const BindContext& context) {
  PreparedStatement& prepared = job->prepared[0];
  if (CostOfWrite(*prepared.plan) != DirectCost::kShort) return false;
  auto write = PrepareWrite(*prepared.plan, context, job->payload.deadline_nanos);
  if (!write) {
    Fail(*job, std::move(write).error(), 0, true);
    return true;
  }
  if (!*write) return false;
  // A cold row is read from its file first: not here.
  if ((*write)->kind != OutcomeKind::kInserted && context.view.MayHaveColdRows(*(*write)->table)) {
    for (const hot::RowOp& op : (*write)->batch.rows) {
      const Result<bool> is_cold = context.view.IsCold(*(*write)->table, op.key);
      if (is_cold && *is_cold) return false;
    }
  }
  if ((*write)->batch.rows.empty()) {
    SubmitImpersonation(job->payload, prepared.statement, services);
    Begin(*job, prepared);
    Finish(*job, 0, {(*write)->kind, 0, {}});
    job->done(std::move(job->response));
    return true;
  }
  const OutcomeKind kind = (*write)->kind;
  const catalog::TablePtr table = (*write)->table;
  AuditImpersonation(job->payload, prepared.statement, services, (*write)->batch.meta);
  AuditRows(job->payload, *prepared.principal, *table, kind, services, (*write)->batch.meta);
  services.store.SubmitSoon(std::move((*write)->batch), [this, job = std::move(job), kind,
                                                         table](hot::CommitResult result) mutable {
    // The table was altered, or the row is in the cold tier: nothing was written, plan and run it again.
    const bool again = !result.status && result.status.error().code == ErrorCode::kConflict;
    if (again) return Post(std::move(job));
    auto outcome = FinishWrite(*table, kind, std::move(result));
    if (!outcome) return Fail(*job, std::move(outcome).error(), 0, true);
    Begin(*job, job->prepared[0]);
    Finish(*job, 0, *outcome);
    job->done(std::move(job->response));
  });
  return true;
}

void Executor::Impl::Post(std::unique_ptr<Job> job) {
  // The pool drops the task when it refuses it, so the job is held where both can reach it.
  auto shared = std::make_shared<std::unique_ptr<Job>>(std::move(job));
  if (pool.Post([this, shared] { RunAll(std::move(*shared)); })) return;
  Fail(*(*shared),
       Error(ErrorCode::kUnavailable, fmt::format("The server is busy: {} statements wait already "
                                                  "(performance.worker_queue_max). Try again later",
                                                  services.settings.performance.worker_queue_max)),
       0, false);
}

Result<Outcome> Executor::Impl::RunOne(Job& job, PreparedStatement& prepared) {
  if (services.clock.MonotonicNanos() > job.payload.deadline_nanos) {
    return kalam::Fail(ErrorCode::kDeadline, "Handler execution exceeded its timeout");
  }
  if (prepared.planned_namespace != job.name_space) prepared.plan = nullptr;
  SubmitImpersonation(job.payload, prepared.statement, services);
  Arena arena;
  Request request{job.payload,
                  prepared.statement,
                  prepared.principal,
                  job.name_space,
                  job.response,
                  arena,
                  job.now_micros,
                  planner,
                  prepared.text,
                  prepared.plan,
                  std::move(prepared.literals),
                  job.transaction};
  if (job.transaction) KALAM_TRY(ContinueTransaction(prepared.statement, *job.transaction));
  const HandlerRow& handler = HandlerOf(prepared.statement.kind);
  if (FaultArmed("handler", handler.name))
    return kalam::Fail(ErrorCode::kInternal, fmt::format("Fault point of handler {}", handler.name));
  return handler.run(prepared.statement, request, services);
}

void Executor::Impl::RunAll(std::unique_ptr<Job> job) {
  for (; job->next < job->prepared.size(); ++job->next) {
    PreparedStatement& prepared = job->prepared[job->next];
    Begin(*job, prepared);
    auto outcome = RunOne(*job, prepared);
    if (!outcome) {
      return Fail(*job, std::move(outcome).error(), job->next, true);
    }
    Finish(*job, job->next, *outcome);
  }
  if (job->transaction) {
    job->transaction.reset();
    ExecutionError failure;
    failure.error = Error(ErrorCode::kInvalidOperation,
                          "Request completed with an open explicit transaction; rolled back automatically");
    return job->done(std::unexpected(std::move(failure)));
  }
  job->done(std::move(job->response));
}

Executor::Executor(Services& services) : impl_(std::make_unique<Impl>(services)) {}
Executor::~Executor() = default;

void Executor::Execute(const Payload& payload, ExecuteDone done) {
  Gate::Pass pass = impl_->gate.Enter();
  if (!pass) {
    ExecutionError failure;
    failure.error = Error(ErrorCode::kUnavailable, "The server is shutting down");
    return done(std::unexpected(std::move(failure)));
  }
  auto job = std::make_unique<Job>(payload, std::move(done), std::move(pass),
                                   static_cast<size_t>(impl_->services.settings.limits.max_response_bytes),
                                   impl_->services.clock.WallMicros());
  size_t index = 0;
  if (Status prepared = impl_->Prepare(*job, index); !prepared) {
    return impl_->Fail(*job, std::move(prepared).error(), index, false);
  }
  if (impl_->TryShort(job)) return;
  impl_->Post(std::move(job));
}

bool Executor::Post(std::move_only_function<void()> task) { return impl_->pool.Post(std::move(task)); }

void Executor::Stop() {
  impl_->gate.Close();
  impl_->pool.Stop();
}

}  // namespace kalam::sql
