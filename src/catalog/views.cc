// Views of the catalog.
#include <fmt/format.h>

#include <algorithm>
#include <tuple>
#include <utility>

#include "catalog/catalog.h"
#include "catalog/record.h"
#include "catalog/view_rules.h"

namespace kalam::catalog {
namespace {

// A view can read a view, and so on; each level is a level of nesting of the query in the end.
constexpr size_t kViewDepthMax = 16;

bool Reads(const View& view, std::string_view ns, std::string_view name) {
  const auto is_it = [&](const View::Reference& r) { return r.ns == ns && r.name == name; };
  return std::any_of(view.references.begin(), view.references.end(), is_it);
}

bool Names(const View& view, std::string_view word) {
  const auto comes_from = [&](const View::ViewColumn& column) { return column.source == word; };
  return std::find(view.words.begin(), view.words.end(), word) != view.words.end() ||
         std::any_of(view.columns.begin(), view.columns.end(), comes_from);
}

// Whether the view itself, not one that it reads, needs the column of the table.
bool ReadsColumn(const View& view, std::string_view ns, std::string_view table, std::string_view column) {
  if (!Reads(view, ns, table)) return false;
  if (!view.reads) return Names(view, column);
  return std::any_of(view.reads->begin(), view.reads->end(), [&](const View::ColumnUse& use) {
    return use.table.ns == ns && use.table.name == table &&
           std::find(use.columns.begin(), use.columns.end(), column) != use.columns.end();
  });
}

std::unexpected<Error> ViewNotFound(std::string_view ns, std::string_view name) {
  return Fail(Error(ErrorCode::kNotFoundTable, fmt::format("View '{}' not found in namespace '{}'", name, ns))
                  .With("table_name", std::string(name))
                  .With("namespace", std::string(ns)));
}

// `view` must not be reached from what it reads.
Status CheckReferences(const CatalogSnapshot& snapshot, const View& view, const View& below, size_t depth) {
  if (depth > kViewDepthMax) {
    return Fail(
        ErrorCode::kLimitExceeded,
        fmt::format("View '{}' reads views of views in more than {} levels. Name the tables themselves",
                    view.full_name(), kViewDepthMax));
  }
  for (const View::Reference& reference : below.references) {
    if (reference.ns == view.ns && reference.name == view.name) {
      return Fail(ErrorCode::kInvalidOperation, fmt::format("View '{}' would read itself through view '{}'",
                                                            view.full_name(), below.full_name()));
    }
    if (const ViewPtr next = snapshot.FindView(reference.ns, reference.name))
      KALAM_TRY(CheckReferences(snapshot, view, *next, depth + 1));
  }
  return {};
}

// Columns that the views above the old one were bound to.
Status CheckReplaced(const std::vector<ViewPtr>& readers, const View& old, const View& view) {
  for (const View::ViewColumn& column : old.columns) {
    const auto same = [&](const View::ViewColumn& c) {
      return c.name == column.name && c.type == column.type;
    };
    if (std::any_of(view.columns.begin(), view.columns.end(), same)) continue;
    for (const ViewPtr& reader : readers) {
      if (!Reads(*reader, old.ns, old.name) || !Names(*reader, column.name)) continue;
      return Fail(
          Error(ErrorCode::kInvalidOperation,
                fmt::format("Cannot replace view '{}': view '{}' reads its column '{}', which would be "
                            "gone or of another type. Drop view '{}' first",
                            view.full_name(), reader->full_name(), column.name, reader->full_name()))
              .With("view", reader->full_name()));
    }
  }
  return {};
}

}  // namespace

ViewPtr CatalogSnapshot::FindView(std::string_view ns, std::string_view name) const {
  return views_.Find({ns, name});
}

std::vector<ViewPtr> CatalogSnapshot::Views() const {
  std::vector<ViewPtr> all;
  views_.ForEach([&](const ViewPtr& view) { all.push_back(view); });
  std::sort(all.begin(), all.end(),
            [](const auto& a, const auto& b) { return std::tie(a->ns, a->name) < std::tie(b->ns, b->name); });
  return all;
}

std::vector<ViewPtr> CatalogSnapshot::ViewsIn(std::string_view ns) const {
  std::vector<ViewPtr> all = Views();
  std::erase_if(all, [&](const ViewPtr& view) { return view->ns != ns; });
  return all;
}

Status RefuseView(const CatalogSnapshot& snapshot, std::string_view ns, std::string_view name,
                  std::string_view advice) {
  if (snapshot.FindView(ns, name) == nullptr) return {};
  return Fail(ErrorCode::kInvalidOperation, fmt::format("'{}.{}' is a view: {}", ns, name, advice));
}

Status NotAView(const CatalogSnapshot& snapshot, std::string_view ns, std::string_view name) {
  if (snapshot.FindView(ns, name) == nullptr) return {};
  return Fail(ErrorCode::kAlreadyExists, fmt::format("Already exists: {}.{} is a view", ns, name));
}

Status NoViewReads(const CatalogSnapshot& snapshot, std::string_view ns, std::string_view name,
                   std::string_view kind) {
  for (const ViewPtr& view : snapshot.Views()) {
    if (!Reads(*view, ns, name)) continue;
    return Fail(Error(ErrorCode::kInvalidOperation,
                      fmt::format("Cannot drop {} '{}.{}': view '{}' reads it. Drop the view first", kind, ns,
                                  name, view->full_name()))
                    .With("view", view->full_name()));
  }
  return {};
}

Status NoViewElsewhereReads(const CatalogSnapshot& snapshot, std::string_view ns) {
  for (const ViewPtr& view : snapshot.Views()) {
    if (view->ns == ns) continue;
    for (const View::Reference& reference : view->references) {
      if (reference.ns != ns) continue;
      return Fail(
          Error(ErrorCode::kInvalidOperation,
                fmt::format("Cannot drop namespace '{}': view '{}' of another namespace reads '{}.{}'. "
                            "Drop the view first",
                            ns, view->full_name(), reference.ns, reference.name))
              .With("view", view->full_name()));
    }
  }
  return {};
}

Status NoViewReadsChangedColumns(const CatalogSnapshot& snapshot, const Table& before,
                                 const TableSchema& after) {
  std::vector<std::string_view> changed;
  for (const Column& column : before.schema().columns) {
    const auto same = [&](const Column& now) {
      return now.id == column.id && now.name == column.name && now.type == column.type;
    };
    if (std::none_of(after.columns.begin(), after.columns.end(), same)) changed.push_back(column.name);
  }
  if (changed.empty()) return {};
  for (const ViewPtr& view : snapshot.Views()) {
    for (const std::string_view column : changed) {
      if (!ReadsColumn(*view, before.ns, before.name, column)) continue;
      return Fail(
          Error(ErrorCode::kInvalidOperation,
                fmt::format("Cannot change column '{}' of table '{}': view '{}' reads it. Drop the view "
                            "first",
                            column, before.full_name(), view->full_name()))
              .With("view", view->full_name()));
    }
  }
  return {};
}

Status ViewsThatStayCanRead(const CatalogSnapshot& before, const CatalogSnapshot& after,
                            const std::vector<TablePtr>& replaced) {
  std::vector<ViewPtr> staying = before.Views();
  std::erase_if(staying, [&](const ViewPtr& view) { return after.FindView(view->ns, view->name) != view; });
  for (const TablePtr& old : replaced) {
    const TablePtr table = after.FindTable(old->ns, old->name);
    for (const Column& column : old->schema().columns) {
      const auto same = [&](const Column& now) { return now.name == column.name && now.type == column.type; };
      if (std::ranges::any_of(table->schema().columns, same)) continue;
      for (const ViewPtr& view : staying) {
        if (!ReadsColumn(*view, old->ns, old->name, column.name)) continue;
        return Fail(
            Error(
                ErrorCode::kInvalidOperation,
                fmt::format("Table {} of the backup does not have column '{}' as it is now, which view '{}' "
                            "reads. Drop the view first",
                            old->full_name(), column.name, view->full_name()))
                .With("view", view->full_name()));
      }
    }
  }
  for (const ViewPtr& old : before.Views()) {
    const ViewPtr view = after.FindView(old->ns, old->name);
    if (view != old) KALAM_TRY(CheckReplaced(staying, *old, *view));
  }
  return {};
}

Status Catalog::CreateView(View view, const CatalogSnapshot& seen, bool replace,
                           std::vector<hot::MetaOp> also) {
  std::lock_guard lock(write_mu_);
  const SnapshotPtr current = published_.Get();
  if (current->FindNamespace(view.ns) == nullptr) {
    return Fail(Error(ErrorCode::kNotFoundNamespace,
                      fmt::format("Namespace '{0}' does not exist. Create it first with CREATE NAMESPACE {0}",
                                  view.ns))
                    .With("namespace", view.ns));
  }
  if (current->FindTable(view.ns, view.name) != nullptr) {
    return Fail(ErrorCode::kAlreadyExists, fmt::format("Already exists: {} is a table", view.full_name()));
  }
  for (const View::Reference& reference : view.references) {
    if (current->FindTable(reference.ns, reference.name) != seen.FindTable(reference.ns, reference.name) ||
        current->FindView(reference.ns, reference.name) != seen.FindView(reference.ns, reference.name)) {
      return Fail(ErrorCode::kConflict, fmt::format("'{}.{}' was changed while view '{}' was being created",
                                                    reference.ns, reference.name, view.full_name()));
    }
  }
  KALAM_TRY(CheckReferences(*current, view, view, 1));
  const ViewPtr old = current->FindView(view.ns, view.name);
  if (old != nullptr && !replace) {
    return Fail(ErrorCode::kAlreadyExists,
                fmt::format("Already exists: View {} already exists", view.full_name()));
  }
  if (old != nullptr) KALAM_TRY(CheckReplaced(current->Views(), *old, view));
  view.updated_at_ms = clock_.WallMillis();
  view.created_at_ms = old != nullptr ? old->created_at_ms : view.updated_at_ms;
  const auto shown = std::make_shared<const View>(std::move(view));
  hot::Batch batch;
  batch.meta = std::move(also);
  batch.meta.push_back({ViewKey(shown->ns, shown->name), EncodeView(*shown)});
  CatalogSnapshot next = *current;
  next.views_.Set({shown->ns, shown->name}, shown);
  return CommitAndPublish(std::move(batch), std::move(next));
}

Status Catalog::DropView(std::string_view ns, std::string_view name, std::vector<hot::MetaOp> also) {
  std::lock_guard lock(write_mu_);
  const SnapshotPtr current = published_.Get();
  const ViewPtr view = current->FindView(ns, name);
  if (view == nullptr) {
    if (current->FindTable(ns, name) != nullptr) {
      return Fail(ErrorCode::kInvalidOperation, fmt::format("'{}.{}' is a table: use DROP TABLE", ns, name));
    }
    return ViewNotFound(ns, name);
  }
  KALAM_TRY(NoViewReads(*current, ns, name, "view"));
  hot::Batch batch;
  batch.meta = std::move(also);
  batch.meta.push_back({ViewKey(ns, name), std::nullopt});
  CatalogSnapshot next = *current;
  next.views_.Erase({view->ns, view->name});
  return CommitAndPublish(std::move(batch), std::move(next));
}

Status Catalog::ImportViews(std::vector<View> views, bool replace, CatalogSnapshot& next, hot::Batch& batch) {
  std::vector<ViewPtr> imported;
  for (View& view : views) {
    if (next.FindNamespace(view.ns) == nullptr) {
      return Fail(ErrorCode::kNotFoundNamespace,
                  fmt::format("Namespace '{}' of view {} not found", view.ns, view.full_name()));
    }
    if (next.FindTable(view.ns, view.name) != nullptr) {
      return Fail(ErrorCode::kAlreadyExists, fmt::format("Already exists: {} is a table", view.full_name()));
    }
    if (!replace && next.FindView(view.ns, view.name) != nullptr) {
      return Fail(ErrorCode::kAlreadyExists,
                  fmt::format("Already exists: View {} already exists", view.full_name()));
    }
    const auto& shown = imported.emplace_back(std::make_shared<const View>(std::move(view)));
    batch.meta.push_back({ViewKey(shown->ns, shown->name), EncodeView(*shown)});
    next.views_.Set({shown->ns, shown->name}, shown);
  }
  // Together with views that were there before they must not make a circle.
  for (const ViewPtr& view : imported) KALAM_TRY(CheckReferences(next, *view, *view, 1));
  return {};
}

}  // namespace kalam::catalog
