#pragma once

#include <cstdint>
#include <memory>
#include <vector>

#include "problem/problem.hpp"
#include "sim/array.hpp"
#include "sim/tree_shape.hpp"

/// The numbers that flow through an adder-tree array.
namespace dnnaccel::sim::tree {

/// The rows and columns that a step has work for, by their place in the array.
struct LanesAtWork {
  std::vector<std::uint32_t> rows;
  std::vector<std::uint32_t> columns;
  std::uint64_t version = 0;  ///< differs wherever the rest does; never 0
};

/// Multiplies and adds what a step asks for, and finds the multipliers that a zero keeps still.
class Values {
 public:
  virtual ~Values() = default;

  /// Do one step. `base`: the first element's indices. `first`: nothing was added to these sums
  /// before.
  virtual void step(const Chunks& base, const LanesAtWork& lanes, bool first) = 0;
  /// Add the products that a zero gated so far to those of each element, row by row.
  virtual void add_gated(std::vector<std::uint64_t>& gated) = 0;
};

/// `gates`: the operands whose zeros keep a multiplier still.
template <typename T>
std::unique_ptr<Values> make_values(const problem::Problem& problem, const Shape& shape,
                                    const Tensors<T>& tensors, std::uint32_t gates);

}  // namespace dnnaccel::sim::tree
