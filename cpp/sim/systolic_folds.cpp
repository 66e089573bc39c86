#include "sim/systolic_folds.hpp"

#include <algorithm>
#include <stdexcept>

#include "base/math.hpp"

namespace dnnaccel::sim {

using problem::Problem;
using problem::Role;

namespace {

constexpr std::size_t at(int i) { return static_cast<std::size_t>(i); }

std::uint64_t unsigned_(std::int64_t i) { return static_cast<std::uint64_t>(i); }

}  // namespace

ProductView::ProductView(const Problem& problem, Stationary stationary, std::uint32_t waiting) {
  std::vector<int> sums;
  std::vector<int> pixels;
  std::vector<int> channels;
  for (int d = 0; d < problem.dims(); ++d) {
    const auto moves = [&](Role role) { return (problem.tensor(role).dims() >> d & 1U) != 0; };
    if ((waiting >> d & 1U) != 0) {
      outer.push_back(d);
    } else if (!moves(Role::outputs)) {
      sums.push_back(d);
    } else if (!moves(Role::weights)) {
      pixels.push_back(d);
    } else if (!moves(Role::inputs)) {
      channels.push_back(d);
    } else {
      outer.push_back(d);
    }
  }
  // A dim of no tensor that stays between groups and steps would not be told from a group's.
  std::stable_partition(outer.begin(), outer.end(),
                        [&](int d) { return (waiting >> d & 1U) == 0; });
  switch (stationary) {
    case Stationary::weights:
      rows = sums, columns = channels, stream = pixels;
      break;
    case Stationary::inputs:
      rows = sums, columns = pixels, stream = channels;
      break;
    case Stationary::outputs:
      rows = pixels, columns = channels, stream = sums;
      break;
  }
}

FlatDims::FlatDims(const Problem& problem, const std::vector<int>& dims)
    : problem_(problem), dims_(dims) {
  for (const int dim : dims) size_ *= problem.bounds[at(dim)];
}

Indices FlatDims::operator[](std::int64_t i) const {
  Indices indices{};
  for (std::size_t d = dims_.size(); d-- > 0;) {
    const std::int64_t bound = problem_.bounds[at(dims_[d])];
    indices[at(dims_[d])] = i % bound;
    i /= bound;
  }
  return indices;
}

std::vector<Indices> FlatDims::slice(std::int64_t first, std::int64_t size) const {
  std::vector<Indices> found;
  found.reserve(static_cast<std::size_t>(size));
  for (std::int64_t i = first; i < first + size; ++i) found.push_back((*this)[i]);
  return found;
}

ProductFolds::ProductFolds(const Problem& problem, const SystolicOptions& options,
                           std::uint32_t waiting)
    : problem_(problem),
      options_(options),
      view_(problem, options.stationary, waiting),
      outer_(problem, view_.outer),
      rows_(problem, view_.rows),
      columns_(problem, view_.columns),
      stream_(problem, view_.stream),
      row_folds_(base::ceil_div(rows_.size(), options.rows)),
      column_folds_(base::ceil_div(columns_.size(), options.columns)) {
  if (options.stationary == Stationary::outputs) return;
  held_dims_ = problem.tensor(Placement{options.stationary}.held()).dims();
  for (std::size_t i = view_.outer.size(); i-- > 0;) {
    const int dim = view_.outer[i];
    if ((held_dims_ >> dim & 1U) != 0 && problem.bounds[at(dim)] > 1) break;
    repeats_ *= problem.bounds[at(dim)];
  }
}

std::int64_t ProductFolds::rows(std::int64_t fold) const {
  return base::chunk(rows_.size(), options_.rows, fold);
}

std::int64_t ProductFolds::columns(std::int64_t fold) const {
  return base::chunk(columns_.size(), options_.columns, fold);
}

FoldShape ProductFolds::shape(std::int64_t outer, std::int64_t column_fold, std::int64_t row_fold) {
  FoldShape shape{.rows = rows(row_fold),
                  .columns = columns(column_fold),
                  .steps = stream_.size(),
                  .loads = false};
  if (options_.stationary == Stationary::outputs) return shape;
  const StationaryTile tile{
      .row_fold = row_fold, .column_fold = column_fold, .outer = outer / repeats_};
  shape.loads = tile != last_;
  last_ = tile;
  return shape;
}

FoldWork ProductFolds::work(std::int64_t outer, std::int64_t column_fold, std::int64_t row_fold,
                            const FoldShape& shape) const {
  FoldWork work{.rows = rows_.slice(row_fold * options_.rows, shape.rows),
                .columns = columns_.slice(column_fold * options_.columns, shape.columns),
                .steps = shape.steps,
                .loads = shape.loads,
                .begins = row_fold == 0};
  const Indices origin = outer_[outer];
  for (int d = 0; d < problem_.dims(); ++d) work.chunks[at(d)].first = origin[at(d)];
  for (const int dim : view_.stream) {
    work.loops.push_back({.dim = dim, .tile = 1});
    work.chunks[at(dim)].size = problem_.bounds[at(dim)];
  }
  return work;
}

ProductRun ProductFolds::totals() const {
  ProductRun run;
  run.macs = problem_.macs();
  const std::int64_t edge_rows = rows(row_folds_ - 1);
  const std::int64_t edge_columns = columns(column_folds_ - 1);
  const auto enter = [&](std::int64_t r, std::int64_t c, std::int64_t count) {
    if (count == 0) return;
    const std::uint64_t all = unsigned_(count) * unsigned_(outer());
    run.folds += all;
    run.used += all * unsigned_(r * c);
    run.classes.push_back({.rows = r, .columns = c, .steps = stream_.size(), .count = all});
  };
  const std::int64_t whole_rows = row_folds_ - (edge_rows < options_.rows ? 1 : 0);
  const std::int64_t whole_columns = column_folds_ - (edge_columns < options_.columns ? 1 : 0);
  enter(options_.rows, options_.columns, whole_rows * whole_columns);
  enter(edge_rows, options_.columns, (row_folds_ - whole_rows) * whole_columns);
  enter(options_.rows, edge_columns, whole_rows * (column_folds_ - whole_columns));
  enter(edge_rows, edge_columns, (row_folds_ - whole_rows) * (column_folds_ - whole_columns));
  return run;
}

}  // namespace dnnaccel::sim
