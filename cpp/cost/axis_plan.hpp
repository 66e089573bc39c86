#pragma once

#include <cstdint>
#include <vector>

#include "cost/axis_sums.hpp"
#include "cost/counts.hpp"
#include "problem/problem.hpp"

namespace dnnaccel::cost {

/// A window axis of a tensor: its dims (the second may be missing) and its coefficients.
struct WindowAxis {
  Window window;
  int dim_p = 0;
  int dim_r = -1;
};

/// The axes that a tensor's word counts are products over. Dims of one position are left out: they
/// are a factor of 1 everywhere.
struct AxisPlan {
  std::vector<int> plain;           ///< dims that are an axis by themselves
  std::vector<int> absent;          ///< dims that the tensor lacks
  std::vector<WindowAxis> windows;  ///< the rest; enumerated, so they come last in every product
  std::uint32_t moving = 0;         ///< mask of `plain`
  std::uint32_t dims = 0;           ///< mask of all dims on axes of the tensor
};

PerRole<AxisPlan> axis_plans(const problem::Problem& problem);

/// By level and role: the dims across which an array multicasts the operand, or reduces the sums.
PerLevel<PerRole<std::uint32_t>> shared_dims(const problem::Problem& problem,
                                             const arch::Architecture& architecture);

}  // namespace dnnaccel::cost
