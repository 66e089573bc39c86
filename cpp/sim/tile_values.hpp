#pragma once

#include <cstdint>
#include <functional>

#include "arch/architecture.hpp"
#include "cost/counts.hpp"
#include "mapping/mapping.hpp"
#include "problem/problem.hpp"
#include "sim/array.hpp"

/// A mapping executed tile by tile with real numbers: the values of every tile come from its
/// parent's buffer, the innermost level computes with what is in its buffers, and partial sums
/// travel as the mapping says. What is counted is counted while it moves.
namespace dnnaccel::sim {

struct ValuesRun {
  /// Equal to the closed form's, word for word, but for `ramps` of outputs, which are not counted.
  cost::Counts counts;
  /// Whether it went to the end: it does unless it was told to stop.
  bool finished = true;
};

/// Called some twenty times a second with the MACs done and all MACs; false stops the run.
using ValuesProgress = std::function<bool(std::uint64_t done, std::uint64_t total)>;

/// Execute a mapping. All tensors must be given; outputs are written, and what they held before is
/// lost. int32_t wraps around where a sum is too large. Memory: twice the tiles of all instances,
/// for operands, once for outputs, and a few bytes more per word of a tile.
///
/// Throws std::invalid_argument if the mapping does not belong to the problem and the architecture,
/// or a tensor is missing; std::bad_alloc if the tiles are more than memory can hold;
/// std::logic_error if a word is not where it is used, which no nest can make happen. Does not look
/// at capacities.
template <typename T>
ValuesRun simulate_values(const problem::Problem& problem, const arch::Architecture& architecture,
                          const mapping::Mapping& mapping, const Tensors<T>& tensors,
                          const ValuesProgress& progress = {});

extern template ValuesRun simulate_values(const problem::Problem&, const arch::Architecture&,
                                          const mapping::Mapping&, const Tensors<std::int32_t>&,
                                          const ValuesProgress&);
extern template ValuesRun simulate_values(const problem::Problem&, const arch::Architecture&,
                                          const mapping::Mapping&, const Tensors<float>&,
                                          const ValuesProgress&);

}  // namespace dnnaccel::sim
