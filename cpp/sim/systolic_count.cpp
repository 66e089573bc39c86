#include <algorithm>
#include <array>
#include <optional>
#include <vector>

#include "base/math.hpp"
#include "sim/systolic_activity.hpp"
#include "sim/systolic_folds.hpp"
#include "sim/systolic_product.hpp"

/// Counting a layer on a systolic array: traffic by products, cycles by the clock alone.
namespace dnnaccel::sim {

using problem::Problem;
using problem::Role;

namespace {

constexpr std::uint64_t kBetweenLooks = 1024;  ///< folds

constexpr std::size_t at(int i) { return static_cast<std::size_t>(i); }
constexpr std::size_t at(Role role) { return at(problem::index(role)); }
std::uint64_t unsigned_(std::int64_t i) { return static_cast<std::uint64_t>(i); }

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
                          const ProductFolds& folds) {
  const Placement placement{options.stationary};
  const ProductView& view = folds.view();
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
  traffic.reads[at(placement.held())] =
      fetches(problem, placement.held(), {view.outer, view.rows, view.columns});
  // A tile that is the only one stays for as long as the operand does.
  if (row_folds * column_folds == 1) {
    traffic.reads[at(placement.held())] /= unsigned_(folds.repeats());
  }
  const std::uint64_t sums =
      fetches(problem, Role::outputs, {view.outer, view.columns, view.stream});
  traffic.writes[at(Role::outputs)] = row_folds * sums;
  traffic.reads[at(Role::outputs)] = (row_folds - 1) * sums;
  return traffic;
}

/// Goes through the folds as a clock sees them. What repeats itself takes the same time each time:
/// the time from fold to fold depends on the two alone. So of many like passes, after which the
/// clock stands as before, all but a few are skipped.
class FoldTimes {
 public:
  FoldTimes(ProductFolds& folds, const SystolicOptions& options)
      : folds_(folds),
        sizes_{folds.outer() / folds.repeats(), folds.repeats(), folds.column_folds(),
               folds.row_folds()},
        clock_(options.stationary, options.double_buffered) {}

  std::uint64_t end() {
    pass(0);
    return clock_.end();
  }

 private:
  /// The last pass may be smaller, and the first two stand after something else.
  static constexpr std::int64_t kFirst = 3;
  static constexpr std::int64_t kLast = 3;

  void pass(std::size_t level) {
    std::uint64_t before = 0;
    for (std::int64_t& i = at_[level] = 0; i < sizes_[level]; ++i) {
      if (level + 1 < sizes_.size()) {
        pass(level + 1);
      } else {
        clock_.fold(folds_.shape(at_[0] * sizes_[1] + at_[1], at_[2], at_[3]));
      }
      const std::int64_t skipped = sizes_[level] - kFirst - kLast;
      if (i == kFirst - 1 && skipped > 0) {
        clock_.skip(unsigned_(skipped) * (clock_.start() - before));
        i += skipped;
      }
      before = clock_.start();
    }
  }

  ProductFolds& folds_;
  std::array<std::int64_t, 4> sizes_;
  std::array<std::int64_t, 4> at_{};
  SystolicClock clock_;
};

}  // namespace

ProductRun count_product(const Problem& problem, const SystolicOptions& options,
                         std::uint32_t waiting, const MacWatch& watch) {
  options.validate();
  ProductFolds folds(problem, options, waiting);
  ProductRun run = folds.totals();
  run.traffic = count_traffic(problem, options, folds);
  if (!options.activity) {
    run.cycles = FoldTimes(folds, options).end();
    return run;
  }
  SystolicClock clock(options.stationary, options.double_buffered);
  SystolicActivity activity(options.rows, options.columns, options.stationary,
                            options.double_buffered);
  std::uint64_t done = 0;
  for (std::int64_t outer = 0; outer < folds.outer(); ++outer) {
    for (std::int64_t column = 0; column < folds.column_folds(); ++column) {
      for (std::int64_t row = 0; row < folds.row_folds(); ++row) {
        const FoldShape shape = folds.shape(outer, column, row);
        activity.fold(shape, clock.fold(shape));
        if (watch && ++done % kBetweenLooks == 0) watch(run.macs / run.folds * done);
      }
    }
  }
  run.cycles = clock.end();
  run.activity = activity.finish(run.cycles);
  return run;
}

}  // namespace dnnaccel::sim
