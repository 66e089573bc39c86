#pragma once

#include <atomic>

#include "mapper/candidate.hpp"

namespace dnnaccel::mapper {

struct Proof {
  bool whole = false;  ///< no mapping has less energy than the best that the judge has seen
  double bound = 0;    ///< no mapping has less than this
};

/// Prove the least energy of a mapspace, or as much of it as `mappings` costed mappings allow: for
/// every set of optional tensors kept, bound all mappings by their relaxed energy (`Frontier`), and
/// cost those whose bound is below the best energy seen.
Proof prove_energy(const problem::Problem& problem, const arch::Architecture& architecture,
                   const mapping::Layout& layout, const cost::Sparsity& sparsity, Judge& judge,
                   std::uint64_t mappings, const std::atomic<bool>& stop);

/// No mapping takes fewer cycles: those of the best spread over the arrays, or those that the words
/// of all tensors, moved once, keep the outermost memory busy.
double least_cycles(const problem::Problem& problem, const arch::Architecture& architecture,
                    const mapping::Layout& layout, const cost::Sparsity& sparsity);

}  // namespace dnnaccel::mapper
