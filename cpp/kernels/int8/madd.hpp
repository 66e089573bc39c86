#pragma once

#include <immintrin.h>

#include "kernels/int8/tile_body.hpp"

// Products of pairs of 16 bits, as x86 has had them for long.
namespace dnnaccel::kernels {

namespace {

struct Madd {
  /// In each lane of 32 bits, the product of the lower halves plus that of the upper.
  template <int kLanes>
  static inline typename Integers<kLanes>::Ints pairs(typename Integers<kLanes>::Ints x,
                                                      typename Integers<kLanes>::Ints w) {
    using Ints = typename Integers<kLanes>::Ints;
    if constexpr (kLanes == 4) {
      return reinterpret_cast<Ints>(
          _mm_madd_epi16(reinterpret_cast<__m128i>(x), reinterpret_cast<__m128i>(w)));
    }
#if defined(__AVX2__)
    if constexpr (kLanes == 8) {
      return reinterpret_cast<Ints>(
          _mm256_madd_epi16(reinterpret_cast<__m256i>(x), reinterpret_cast<__m256i>(w)));
    }
#endif
#if defined(__AVX512BW__)
    if constexpr (kLanes == 16) {
      return reinterpret_cast<Ints>(
          _mm512_madd_epi16(reinterpret_cast<__m512i>(x), reinterpret_cast<__m512i>(w)));
    }
#endif
  }
};

using MaddDot = EvenAndOdd<Madd>;

}  // namespace

}  // namespace dnnaccel::kernels
