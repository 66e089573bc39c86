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

  /// Throws std::invalid_argument if there is no such array.
  void validate() const;
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

/// Called with the MACs done so far; it may throw to stop.
using MacWatch = std::function<void(std::uint64_t)>;

/// Count what `simulate_product` would, without values and without stepping through cycles. Takes
/// no longer for more folds, unless activity is asked for.
ProductRun count_product(const problem::Problem& problem, const SystolicOptions& options,
                         std::uint32_t waiting = 0, const MacWatch& watch = {});

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
