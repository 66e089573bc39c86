#include "problem/problem.hpp"

#include <stdexcept>

namespace dnnaccel::problem {

namespace {

// Every word count is at most the number of MACs (a word that is moved is used by at least one MAC
// of the instance that receives it), so bounding the MACs once bounds every product that follows.
constexpr std::uint64_t kMaxMacs = 1ULL << 53;
constexpr std::int64_t kMaxCoefficient = 1LL << 20;
constexpr std::int64_t kMaxAxisSize = 1LL << 31;
// A window axis is enumerated coordinate by coordinate.
constexpr std::int64_t kMaxWindowSpan = 1LL << 20;
constexpr std::int64_t kMaxWindowTaps = 1LL << 26;

[[noreturn]] void refuse(const std::string& what) {
  throw std::invalid_argument("problem: " + what);
}

void validate_axis(const Problem& problem, const Tensor& tensor, const Axis& axis,
                   std::uint32_t& seen) {
  const std::string where = std::string(name(tensor.role));
  if (axis.terms.empty() || axis.terms.size() > 2) refuse(where + ": an axis has one or two dims");
  if (axis.size < 1 || axis.size > kMaxAxisSize) {
    refuse(where + ": axis size " + std::to_string(axis.size) + " is not in 1..2^31");
  }
  if (axis.offset < -kMaxAxisSize || axis.offset > kMaxAxisSize) {
    refuse(where + ": axis offset " + std::to_string(axis.offset) + " is out of range");
  }
  for (const Term& term : axis.terms) {
    if (term.dim < 0 || term.dim >= problem.dims()) refuse(where + ": unknown dim on an axis");
    if (term.coefficient < 1 || term.coefficient > kMaxCoefficient) {
      refuse(where + ": coefficient " + std::to_string(term.coefficient) + " is not in 1..2^20");
    }
    const std::uint32_t mask = 1U << term.dim;
    if ((seen & mask) != 0) {
      refuse(where + ": dim " + problem.dim_names[static_cast<std::size_t>(term.dim)] +
             " stands on two axes");
    }
    seen |= mask;
  }
  if (axis.terms.size() == 2) {
    const Term& p = axis.terms[0];
    const Term& r = axis.terms[1];
    const std::int64_t p_bound = problem.bounds[static_cast<std::size_t>(p.dim)];
    const std::int64_t r_bound = problem.bounds[static_cast<std::size_t>(r.dim)];
    if (p_bound > kMaxWindowTaps / r_bound || p_bound > kMaxWindowSpan / p.coefficient ||
        r_bound > kMaxWindowSpan / r.coefficient) {
      refuse(where + ": a sliding window over more than 2^20 coordinates");
    }
  }
  if (tensor.role == Role::outputs) {
    const Term& term = axis.terms.front();
    const bool plain = axis.terms.size() == 1 && term.coefficient == 1 && axis.offset == 0 &&
                       axis.size == problem.bounds[static_cast<std::size_t>(term.dim)];
    if (!plain) refuse("an axis of the outputs is one dim, whole");
  }
}

}  // namespace

const char* name(Role role) {
  static constexpr std::array<const char*, kRoles> kNames = {"inputs", "weights", "outputs"};
  return kNames[static_cast<std::size_t>(index(role))];
}

std::uint64_t Tensor::words() const {
  std::uint64_t words = 1;
  for (const Axis& axis : axes) words *= static_cast<std::uint64_t>(axis.size);
  return words;
}

std::uint32_t Tensor::dims() const {
  std::uint32_t mask = 0;
  for (const Axis& axis : axes) {
    for (const Term& term : axis.terms) mask |= 1U << term.dim;
  }
  return mask;
}

std::uint64_t Problem::macs() const {
  std::uint64_t macs = 1;
  for (std::int64_t bound : bounds) macs *= static_cast<std::uint64_t>(bound);
  return macs;
}

void Problem::validate() const {
  if (bounds.empty() || bounds.size() > kMaxDims || bounds.size() != dim_names.size()) {
    refuse("between 1 and " + std::to_string(kMaxDims) + " dims, each with a name and a bound");
  }
  std::uint64_t product = 1;
  for (std::size_t d = 0; d < bounds.size(); ++d) {
    if (bounds[d] < 1) refuse("dim " + dim_names[d] + " has a bound below 1");
    if (static_cast<std::uint64_t>(bounds[d]) > kMaxMacs / product) refuse("more than 2^53 MACs");
    product *= static_cast<std::uint64_t>(bounds[d]);
  }
  for (int r = 0; r < kRoles; ++r) {
    const Tensor& tensor = tensors[static_cast<std::size_t>(r)];
    if (index(tensor.role) != r) refuse("tensors stand in the order inputs, weights, outputs");
    std::uint32_t seen = 0;
    for (const Axis& axis : tensor.axes) validate_axis(*this, tensor, axis, seen);
  }
}

}  // namespace dnnaccel::problem
