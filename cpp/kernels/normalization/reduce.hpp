#pragma once

#include "kernels/vector_math.hpp"

#if defined(__AVX__)
#include <immintrin.h>
#endif

// What the kernels that normalise share: sums and maxima of vectors' lanes, roots, logarithms.
namespace dnnaccel::kernels {

namespace {

template <int kStep>
struct Partner {
  static constexpr int at(int lane) { return lane ^ kStep; }
};

/// After a step for each of kLanes / 2 ... 1 every lane has what `combine` makes of all.
template <int kLanes, int kStep = kLanes / 2, class Floats, class Combine>
inline float reduce(Floats values, Combine combine) {
  if constexpr (kStep == 0) {
    return values[0];
  } else {
    const Floats others = Sequence<kLanes>::template exchange<Partner<kStep>>(values, values);
    return reduce<kLanes, kStep / 2>(combine(values, others), combine);
  }
}

template <int kLanes, class Floats>
inline float sum_of(Floats values) {
  return reduce<kLanes>(values, [](Floats a, Floats b) { return a + b; });
}
/// A NaN may be lost.
template <int kLanes, class Floats>
inline float largest_of(Floats values) {
  return reduce<kLanes>(values, [](Floats a, Floats b) { return a > b ? a : b; });
}

/// Lane by lane, which compilers make one instruction of where there is one.
template <int kLanes>
inline typename Vectors<kLanes>::Floats square_root(typename Vectors<kLanes>::Floats values) {
#if defined(__AVX512F__)
  // Masked, though by all: g++ 12 warns of its own header's plain one.
  if constexpr (kLanes == 16)
    return reinterpret_cast<typename Vectors<kLanes>::Floats>(
        _mm512_maskz_sqrt_ps(0xFFFF, reinterpret_cast<__m512>(values)));
#endif
#if defined(__AVX__)
  if constexpr (kLanes == 8)
    return reinterpret_cast<typename Vectors<kLanes>::Floats>(
        _mm256_sqrt_ps(reinterpret_cast<__m256>(values)));
#endif
  for (int i = 0; i < kLanes; ++i) values[i] = __builtin_sqrtf(values[i]);
  return values;
}

}  // namespace

}  // namespace dnnaccel::kernels
