#pragma once

#include <cstdint>
#include <functional>
#include <vector>

#include "sim/systolic_fold.hpp"

/// A whole layer on a systolic array: its product of matrices, cut into folds.
namespace dnnaccel::sim {

struct SystolicOptions {
  std::int64_t rows = 128;
  std::int64_t columns = 128;
  Stationary stationary = Stationary::weights;
  bool double_buffered = false;
  bool activity = false;
};

/// So many folds of one size.
struct FoldClass {
  std::int64_t rows = 0;
  std::int64_t columns = 0;
  std::int64_t steps = 0;
  std::uint64_t count = 0;
};

/// What a layer took. `used` adds up the elements that each fold covers.
struct ProductRun {
  std::uint64_t cycles = 0;
  std::uint64_t macs = 0;
  std::uint64_t folds = 0;
  std::uint64_t used = 0;
  std::vector<FoldClass> classes;
  EdgeTraffic traffic;
  Activity activity;
};

/// How a problem becomes a product: its dims by what they do in the array, each list in the
/// problem's order. The rows go through `rows` as one flattened index, as the columns do.
struct ProductView {
  std::vector<int> outer;    ///< one product after another
  std::vector<int> rows;     ///< a fold's rows
  std::vector<int> columns;  ///< a fold's columns
  std::vector<int> stream;   ///< one step each

  /// `waiting`: bit d is set if the positions of dim d wait for each other.
  ProductView(const problem::Problem& problem, Stationary stationary, std::uint32_t waiting);
};

/// Count what `simulate_product` would, without values and without stepping through cycles.
ProductRun count_product(const problem::Problem& problem, const SystolicOptions& options,
                         std::uint32_t waiting = 0);

/// Called with the MACs done so far; it may throw to stop.
using MacWatch = std::function<void(std::uint64_t)>;

/// Run a layer cycle by cycle. `tensors.outputs` holds the outputs afterwards.
///
/// Weights or inputs stay: rows go over all dims that sums run over (a convolution's C, R, S), and
/// columns over output channels or pixels. Outputs stay: rows go over pixels, columns over output
/// channels. Folds with the same columns follow each other, and groups stand outside of all. Throws
/// std::invalid_argument if a tensor is missing or the array has no elements.
template <typename T>
ProductRun simulate_product(const problem::Problem& problem, const SystolicOptions& options,
                            const Tensors<T>& tensors, std::uint32_t waiting = 0,
                            const MacWatch& watch = {});

}  // namespace dnnaccel::sim
