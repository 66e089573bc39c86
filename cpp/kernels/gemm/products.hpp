#pragma once

#include <cstdint>

#include "kernels/vectors.hpp"

// Products of a few rows with a panel of weights, for kernels whose inputs are contiguous. A file
// that includes it is compiled for one instruction set.
namespace dnnaccel::kernels {

namespace {

/// sums(i, j) += sum over k in order of inputs(i, k) * weights(k, j), of `depth` values; `weights`
/// are [depth][kCount][kLanes]. Every loop over the sums is unrolled: one that an index finds at
/// run time would be in memory, not in a register.
template <int kLanes, int kCount, int kRows>
inline void add_products(const float* weights, const float* const (&inputs)[kRows],
                         std::int64_t depth,
                         typename Vectors<kLanes>::Floats (&sums)[kRows][kCount]) {
  using V = Vectors<kLanes>;
  for (std::int64_t k = 0; k < depth; ++k, weights += kCount * kLanes) {
    typename V::Floats row[kCount];
#pragma GCC unroll 16
    for (int j = 0; j < kCount; ++j) row[j] = V::load(weights + j * kLanes);
#pragma GCC unroll 16
    for (int i = 0; i < kRows; ++i) {
#pragma GCC unroll 16
      for (int j = 0; j < kCount; ++j) sums[i][j] += row[j] * inputs[i][k];
    }
  }
}

}  // namespace

}  // namespace dnnaccel::kernels
