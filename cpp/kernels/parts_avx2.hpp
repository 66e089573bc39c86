#pragma once

#include <immintrin.h>

#include "kernels/parts.hpp"

namespace dnnaccel::kernels {

namespace {

template <>
struct Part<8> {
  using Floats = Vectors<8>::Floats;

  static inline __m256i first(int count) {
    return _mm256_cmpgt_epi32(_mm256_set1_epi32(count), _mm256_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7));
  }
  static inline Floats load(const float* from, int count) {
    return (Floats)_mm256_maskload_ps(from, first(count));
  }
  static inline void store(float* to, Floats values, int count) {
    _mm256_maskstore_ps(to, first(count), (__m256)values);
  }
};

}  // namespace

}  // namespace dnnaccel::kernels
