#include "sim/systolic_product.hpp"

#include <algorithm>
#include <memory>
#include <optional>
#include <stdexcept>

#include "base/math.hpp"
#include "sim/systolic_activity.hpp"

namespace dnnaccel::sim {

using problem::Problem;
using problem::Role;

namespace {

constexpr std::size_t at(int i) { return static_cast<std::size_t>(i); }
constexpr std::size_t at(Role role) { return at(problem::index(role)); }
std::uint64_t unsigned_(std::int64_t i) { return static_cast<std::uint64_t>(i); }

/// Some dims as one index, the last one fastest.
class Flat {
 public:
  Flat(const Problem& problem, const std::vector<int>& dims) : problem_(problem), dims_(dims) {
    for (const int dim : dims) size_ *= problem.bounds[at(dim)];
  }
  [[nodiscard]] std::int64_t size() const { return size_; }
  [[nodiscard]] Indices operator[](std::int64_t i) const {
    Indices indices{};
    for (std::size_t d = dims_.size(); d-- > 0;) {
      const std::int64_t bound = problem_.bounds[at(dims_[d])];
      indices[at(dims_[d])] = i % bound;
      i /= bound;
    }
    return indices;
  }
  [[nodiscard]] std::vector<Indices> slice(std::int64_t first, std::int64_t size) const {
    std::vector<Indices> found;
    found.reserve(static_cast<std::size_t>(size));
    for (std::int64_t i = first; i < first + size; ++i) found.push_back((*this)[i]);
    return found;
  }

 private:
  const Problem& problem_;
  const std::vector<int>& dims_;
  std::int64_t size_ = 1;
};

/// Which stationary tile a fold has: its place among the folds, and the outer indices that move it.
struct TileName {
  std::int64_t row_fold = -1;
  std::int64_t column_fold = -1;
  Indices outer{};
  bool operator==(const TileName&) const = default;
};

/// The folds of a layer in order.
class Folds {
 public:
  Folds(const Problem& problem, const SystolicOptions& options, std::uint32_t waiting)
      : problem_(problem),
        options_(options),
        view_(problem, options.stationary, waiting),
        outer_(problem, view_.outer),
        rows_(problem, view_.rows),
        columns_(problem, view_.columns),
        stream_(problem, view_.stream),
        row_folds_(base::ceil_div(rows_.size(), options.rows)),
        column_folds_(base::ceil_div(columns_.size(), options.columns)) {
    const Role held = Placement{options.stationary}.held();
    held_dims_ = options.stationary == Stationary::outputs ? 0 : problem.tensor(held).dims();
  }

  [[nodiscard]] std::int64_t outer() const { return outer_.size(); }
  [[nodiscard]] std::int64_t row_folds() const { return row_folds_; }
  [[nodiscard]] std::int64_t column_folds() const { return column_folds_; }
  [[nodiscard]] std::int64_t steps() const { return stream_.size(); }
  [[nodiscard]] std::int64_t rows(std::int64_t fold) const {
    return base::chunk(rows_.size(), options_.rows, fold);
  }
  [[nodiscard]] std::int64_t columns(std::int64_t fold) const {
    return base::chunk(columns_.size(), options_.columns, fold);
  }

  /// The shape of the next fold. A tile that stands in the array already is not loaded again.
  FoldShape shape(std::int64_t outer, std::int64_t column_fold, std::int64_t row_fold) {
    FoldShape shape{
        .rows = rows(row_fold), .columns = columns(column_fold), .steps = steps(), .loads = false};
    if (options_.stationary == Stationary::outputs) return shape;
    TileName tile{.row_fold = row_fold, .column_fold = column_fold, .outer = outer_[outer]};
    for (int d = 0; d < problem::kMaxDims; ++d) {
      if ((held_dims_ >> d & 1U) == 0) tile.outer[at(d)] = 0;
    }
    shape.loads = tile != last_;
    last_ = tile;
    return shape;
  }

  [[nodiscard]] FoldWork work(std::int64_t outer, std::int64_t column_fold, std::int64_t row_fold,
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

  /// What does not depend on time.
  [[nodiscard]] ProductRun totals() const {
    ProductRun run;
    run.macs = problem_.macs();
    const std::int64_t edge_rows = rows(row_folds_ - 1);
    const std::int64_t edge_columns = columns(column_folds_ - 1);
    const auto enter = [&](std::int64_t r, std::int64_t c, std::int64_t count) {
      if (count == 0) return;
      const std::uint64_t all = unsigned_(count) * unsigned_(outer());
      run.folds += all;
      run.used += all * unsigned_(r * c);
      run.classes.push_back({.rows = r, .columns = c, .steps = steps(), .count = all});
    };
    const std::int64_t whole_rows = row_folds_ - (edge_rows < options_.rows ? 1 : 0);
    const std::int64_t whole_columns = column_folds_ - (edge_columns < options_.columns ? 1 : 0);
    enter(options_.rows, options_.columns, whole_rows * whole_columns);
    enter(edge_rows, options_.columns, (row_folds_ - whole_rows) * whole_columns);
    enter(options_.rows, edge_columns, whole_rows * (column_folds_ - whole_columns));
    enter(edge_rows, edge_columns, (row_folds_ - whole_rows) * (column_folds_ - whole_columns));
    return run;
  }

 private:
  const Problem& problem_;
  const SystolicOptions& options_;
  ProductView view_;
  Flat outer_;
  Flat rows_;
  Flat columns_;
  Flat stream_;
  std::int64_t row_folds_;
  std::int64_t column_folds_;
  std::uint32_t held_dims_ = 0;
  TileName last_;
};

/// Positions of an axis' dims whose coordinate is no padding.
std::uint64_t places_on(const problem::Axis& axis, const Problem& problem) {
  std::vector<problem::Term> terms = axis.terms;
  std::sort(terms.begin(), terms.end(), [&](const problem::Term& a, const problem::Term& b) {
    return problem.bounds[at(a.dim)] < problem.bounds[at(b.dim)];
  });
  if (terms.empty()) return axis.offset >= 0 && axis.offset < axis.size ? 1 : 0;
  const problem::Term longest = terms.back();
  terms.pop_back();
  const std::int64_t bound = problem.bounds[at(longest.dim)];
  std::uint64_t places = 0;
  Indices indices{};
  while (true) {
    std::int64_t start = axis.offset;
    for (const problem::Term& term : terms) start += term.coefficient * indices[at(term.dim)];
    // Indices i of the longest dim with 0 <= start + coefficient * i < size.
    const std::int64_t step = longest.coefficient;
    const std::int64_t low = start >= 0 ? 0 : base::ceil_div(-start, step);
    const std::int64_t high = start >= axis.size ? 0 : (axis.size - 1 - start) / step + 1;
    places += unsigned_(std::max<std::int64_t>(0, std::min(bound, high) - low));
    std::size_t t = terms.size();
    while (t-- > 0) {
      std::int64_t& index = indices[at(terms[t].dim)];
      if (++index < problem.bounds[at(terms[t].dim)]) break;
      index = 0;
    }
    if (t == static_cast<std::size_t>(-1)) return places;
  }
}

/// Words fetched of a tensor if each position of `dims` fetches one, padding aside.
std::uint64_t fetches(const Problem& problem, Role role,
                      const std::vector<std::vector<int>>& dims) {
  std::uint64_t words = 1;
  const problem::Tensor& tensor = problem.tensor(role);
  for (const problem::Axis& axis : tensor.axes) words *= places_on(axis, problem);
  for (const std::vector<int>& group : dims) {
    for (const int dim : group) {
      if ((tensor.dims() >> dim & 1U) == 0) words *= unsigned_(problem.bounds[at(dim)]);
    }
  }
  return words;
}

EdgeTraffic count_traffic(const Problem& problem, const SystolicOptions& options,
                          const Folds& folds, const ProductView& view) {
  const Placement placement{options.stationary};
  EdgeTraffic traffic;
  const std::uint64_t row_folds = unsigned_(folds.row_folds());
  const std::uint64_t column_folds = unsigned_(folds.column_folds());
  traffic.reads[at(placement.rows())] =
      column_folds * fetches(problem, placement.rows(), {view.outer, view.rows, view.stream});
  if (options.stationary == Stationary::outputs) {
    traffic.reads[at(Role::weights)] =
        row_folds * fetches(problem, Role::weights, {view.outer, view.columns, view.stream});
    traffic.writes[at(Role::outputs)] =
        fetches(problem, Role::outputs, {view.outer, view.rows, view.columns});
    return traffic;
  }
  // A tile that is the only one stays while the outer dims that it lacks step innermost.
  std::vector<int> reloads = view.outer;
  if (row_folds * column_folds == 1) {
    const std::uint32_t moving = problem.tensor(placement.held()).dims();
    while (!reloads.empty() &&
           ((moving >> reloads.back() & 1U) == 0 || problem.bounds[at(reloads.back())] == 1)) {
      reloads.pop_back();
    }
  }
  traffic.reads[at(placement.held())] =
      fetches(problem, placement.held(), {reloads, view.rows, view.columns});
  const std::uint64_t sums =
      fetches(problem, Role::outputs, {view.outer, view.columns, view.stream});
  traffic.writes[at(Role::outputs)] = row_folds * sums;
  traffic.reads[at(Role::outputs)] = (row_folds - 1) * sums;
  return traffic;
}

void check(const SystolicOptions& options) {
  if (options.rows < 1 || options.columns < 1) {
    throw std::invalid_argument("systolic array: rows and columns must be at least 1");
  }
}

std::optional<SystolicActivity> watch_elements(const SystolicOptions& options) {
  if (!options.activity) return std::nullopt;
  return SystolicActivity(options.rows, options.columns, options.stationary,
                          options.double_buffered);
}

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

ProductRun count_product(const Problem& problem, const SystolicOptions& options,
                         std::uint32_t waiting) {
  check(options);
  Folds folds(problem, options, waiting);
  ProductRun run = folds.totals();
  run.traffic =
      count_traffic(problem, options, folds, ProductView(problem, options.stationary, waiting));
  SystolicClock clock(options.stationary, options.double_buffered);
  std::optional<SystolicActivity> activity = watch_elements(options);
  for (std::int64_t outer = 0; outer < folds.outer(); ++outer) {
    for (std::int64_t column = 0; column < folds.column_folds(); ++column) {
      for (std::int64_t row = 0; row < folds.row_folds(); ++row) {
        const FoldShape shape = folds.shape(outer, column, row);
        const FoldCycles cycles = clock.fold(shape);
        if (activity) activity->fold(shape, cycles);
      }
    }
  }
  run.cycles = clock.end();
  if (activity) run.activity = activity->finish(run.cycles);
  return run;
}

template <typename T>
ProductRun simulate_product(const Problem& problem, const SystolicOptions& options,
                            const Tensors<T>& tensors, std::uint32_t waiting,
                            const MacWatch& watch) {
  check(options);
  if (tensors.inputs == nullptr || tensors.weights == nullptr || tensors.outputs == nullptr) {
    throw std::invalid_argument("systolic array: inputs, weights and outputs are needed");
  }
  Folds folds(problem, options, waiting);
  const FoldTensors<T> words(problem, options.stationary, tensors);
  ProductRun run = folds.totals();
  SystolicGrid<T> grid(options.rows, options.columns, options.stationary, options.double_buffered,
                       watch);
  std::optional<SystolicActivity> activity = watch_elements(options);
  for (std::int64_t outer = 0; outer < folds.outer(); ++outer) {
    for (std::int64_t column = 0; column < folds.column_folds(); ++column) {
      for (std::int64_t row = 0; row < folds.row_folds(); ++row) {
        const FoldShape shape = folds.shape(outer, column, row);
        auto fold = std::make_unique<TensorFold<T>>(words, folds.work(outer, column, row, shape),
                                                    run.traffic);
        const FoldCycles cycles = grid.issue(shape, std::move(fold), 0);
        if (activity) activity->fold(shape, cycles);
      }
    }
  }
  grid.finish();
  run.macs = grid.macs();
  run.cycles = grid.cycle();
  if (activity) run.activity = activity->finish(run.cycles);
  return run;
}

template ProductRun simulate_product(const Problem&, const SystolicOptions&,
                                     const Tensors<std::uint32_t>&, std::uint32_t, const MacWatch&);
template ProductRun simulate_product(const Problem&, const SystolicOptions&, const Tensors<float>&,
                                     std::uint32_t, const MacWatch&);

}  // namespace dnnaccel::sim
