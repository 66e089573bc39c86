#include "sim/systolic_product.hpp"

#include <memory>
#include <optional>
#include <stdexcept>

#include "sim/systolic_activity.hpp"
#include "sim/systolic_folds.hpp"

namespace dnnaccel::sim {

using problem::Problem;

void SystolicOptions::validate() const {
  if (rows < 1 || columns < 1) {
    throw std::invalid_argument("systolic array: rows and columns must be at least 1");
  }
}

template <typename T>
ProductRun simulate_product(const Problem& problem, const SystolicOptions& options,
                            const Tensors<T>& tensors, std::uint32_t waiting,
                            const MacWatch& watch) {
  options.validate();
  if (tensors.inputs == nullptr || tensors.weights == nullptr || tensors.outputs == nullptr) {
    throw std::invalid_argument("systolic array: inputs, weights and outputs are needed");
  }
  ProductFolds folds(problem, options, waiting);
  const FoldTensors<T> words(problem, options.stationary, tensors);
  ProductRun run = folds.totals();
  SystolicGrid<T> grid(options.rows, options.columns, options.stationary, options.double_buffered,
                       watch);
  std::optional<SystolicActivity> activity;
  if (options.activity) {
    activity.emplace(options.rows, options.columns, options.stationary, options.double_buffered);
  }
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
