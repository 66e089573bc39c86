#include "cost/axis_plan.hpp"

namespace dnnaccel::cost {

using problem::Role;

namespace {

constexpr std::size_t at(int i) { return static_cast<std::size_t>(i); }

void add_axis(const problem::Problem& problem, const problem::Axis& axis, AxisPlan& plan) {
  // A dim of one position moves nothing: an axis it shares is a plain one.
  std::vector<problem::Term> terms;
  for (const problem::Term& term : axis.terms) {
    plan.dims |= 1U << term.dim;
    if (problem.bounds[at(term.dim)] > 1) terms.push_back(term);
  }
  if (terms.empty()) terms.push_back(axis.terms.front());
  const int dim = terms.front().dim;
  const bool plain = terms.size() == 1 && terms.front().coefficient == 1 && axis.offset == 0 &&
                     axis.size >= problem.bounds[at(dim)];
  if (plain) {
    if (problem.bounds[at(dim)] == 1) return;
    plan.plain.push_back(dim);
    plan.moving |= 1U << dim;
    return;
  }
  WindowAxis window;
  window.dim_p = dim;
  window.window.coefficient[0] = terms.front().coefficient;
  if (terms.size() == 2) {
    window.dim_r = terms.back().dim;
    window.window.coefficient[1] = terms.back().coefficient;
  }
  window.window.offset = axis.offset;
  window.window.size = axis.size;
  plan.windows.push_back(window);
}

}  // namespace

PerRole<AxisPlan> axis_plans(const problem::Problem& problem) {
  PerRole<AxisPlan> plans;
  for (int r = 0; r < kRoles; ++r) {
    AxisPlan& plan = plans[at(r)];
    for (const problem::Axis& axis : problem.tensors[at(r)].axes) add_axis(problem, axis, plan);
    for (int d = 0; d < problem.dims(); ++d) {
      if ((plan.dims >> d & 1U) == 0 && problem.bounds[at(d)] > 1) plan.absent.push_back(d);
    }
  }
  return plans;
}

PerLevel<PerRole<std::uint32_t>> shared_dims(const problem::Problem& problem,
                                             const arch::Architecture& architecture) {
  PerLevel<PerRole<std::uint32_t>> shared{};
  for (int level = 0; level < architecture.size(); ++level) {
    if (const arch::Array* array = architecture.array(level)) {
      const std::uint32_t multicast = array->multicast.mask(problem);
      shared[at(level)] = {multicast, multicast, array->reduce.mask(problem)};
    }
  }
  return shared;
}

}  // namespace dnnaccel::cost
