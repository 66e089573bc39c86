#pragma once

#include <immintrin.h>

#include "kernels/parts.hpp"

namespace dnnaccel::kernels {

namespace {

template <>
struct Part<16> {
  using Floats = Vectors<16>::Floats;

  static inline __mmask16 first(int count) { return static_cast<__mmask16>((1U << count) - 1); }
  static inline Floats load(const float* from, int count) {
    return (Floats)_mm512_maskz_loadu_ps(first(count), from);
  }
  static inline void store(float* to, Floats values, int count) {
    _mm512_mask_storeu_ps(to, first(count), (__m512)values);
  }
};

}  // namespace

}  // namespace dnnaccel::kernels
