#pragma once

#include <cstdint>

#include "kernels/vectors.hpp"

#if defined(__AVX512F__)
#include <immintrin.h>
#endif

// The ends of rows that do not fill a vector: nothing behind them is touched. In an unnamed
// namespace: see vectors.hpp.
namespace dnnaccel::kernels {

namespace {

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
  float buffer[kLanes];
  Vectors<kLanes>::store(buffer, values);
  __builtin_memcpy(to, buffer, static_cast<unsigned long>(count) * sizeof(float));
}

}  // namespace

}  // namespace dnnaccel::kernels
