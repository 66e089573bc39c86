#pragma once

#include <cstdint>

#include "kernels/vectors.hpp"

#if defined(__AVX2__)
#include <immintrin.h>
#endif

// The ends of rows that do not fill a vector: nothing behind them is touched. In an unnamed
// namespace: see vectors.hpp.
namespace dnnaccel::kernels {

namespace {

#if defined(__AVX2__)
/// Lanes of which the first `count` are on.
inline __m256i first_lanes(std::int64_t count) {
  return _mm256_cmpgt_epi32(_mm256_set1_epi32(static_cast<int>(count)),
                            _mm256_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7));
}
#endif

/// The first `count` values, of at most kLanes, and `other` in the lanes that are left.
template <int kLanes>
inline typename Vectors<kLanes>::Floats load_part(const float* from, std::int64_t count,
                                                  float other = 0) {
  using V = Vectors<kLanes>;
#if defined(__AVX512F__)
  if constexpr (kLanes == 16) {
    const auto others = reinterpret_cast<__m512>(other - typename V::Floats{});
    const auto mask = static_cast<__mmask16>((1U << count) - 1U);
    return reinterpret_cast<typename V::Floats>(_mm512_mask_loadu_ps(others, mask, from));
  }
#endif
#if defined(__AVX2__)
  if constexpr (kLanes == 8) {
    const __m256i lanes = first_lanes(count);
    const auto others = reinterpret_cast<__m256>(other - typename V::Floats{});
    return reinterpret_cast<typename V::Floats>(
        _mm256_blendv_ps(others, _mm256_maskload_ps(from, lanes), reinterpret_cast<__m256>(lanes)));
  }
#endif
  float buffer[kLanes];
  V::store(buffer, other - typename V::Floats{});
  __builtin_memcpy(buffer, from, static_cast<unsigned long>(count) * sizeof(float));
  return V::load(buffer);
}

template <int kLanes>
inline void store_part(float* to, typename Vectors<kLanes>::Floats values, std::int64_t count) {
#if defined(__AVX512F__)
  if constexpr (kLanes == 16) {
    const auto mask = static_cast<__mmask16>((1U << count) - 1U);
    return _mm512_mask_storeu_ps(to, mask, reinterpret_cast<__m512>(values));
  }
#endif
#if defined(__AVX2__)
  if constexpr (kLanes == 8) {
    return _mm256_maskstore_ps(to, first_lanes(count), reinterpret_cast<__m256>(values));
  }
#endif
  float buffer[kLanes];
  Vectors<kLanes>::store(buffer, values);
  __builtin_memcpy(to, buffer, static_cast<unsigned long>(count) * sizeof(float));
}

}  // namespace

}  // namespace dnnaccel::kernels
