#pragma once

#include <cstdint>

#if defined(__SSE2__)
#include <immintrin.h>
#endif

#include "kernels/vectors.hpp"

// Vectors of integers, and how floats become bytes. In an unnamed namespace, as
// kernels/vectors.hpp.
namespace dnnaccel::kernels {

namespace {

template <int kLanes>
struct Integers {
  using Ints [[gnu::vector_size(kLanes * 4)]] = std::int32_t;
  using Shorts [[gnu::vector_size(kLanes * 4)]] = std::int16_t;
  using Halves [[gnu::vector_size(kLanes * 2)]] = std::uint16_t;
  using Bytes [[gnu::vector_size(kLanes)]] = std::uint8_t;
  using SignedBytes [[gnu::vector_size(kLanes)]] = std::int8_t;
  using Floats [[gnu::vector_size(kLanes * 4)]] = float;

  template <class To, class From>
  static inline To load(const From* from) {
    To values;
    __builtin_memcpy(&values, from, sizeof values);
    return values;
  }
};

/// Bytes, each as 32 bits without a sign. By the processor's instruction: GCC takes vectors that
/// come straight from memory apart.
template <int kLanes>
inline typename Integers<kLanes>::Ints widen(typename Integers<kLanes>::Bytes bytes) {
  using Ints = typename Integers<kLanes>::Ints;
#if defined(__AVX512F__)
  if constexpr (kLanes == 16)
    return reinterpret_cast<Ints>(_mm512_maskz_cvtepu8_epi32(
        0xFFFF, reinterpret_cast<__m128i>(bytes)));  // unmasked, GCC warns of its own header
#endif
#if defined(__AVX2__)
  if constexpr (kLanes == 8) {
    std::int64_t values;
    __builtin_memcpy(&values, &bytes, sizeof values);
    return reinterpret_cast<Ints>(_mm256_cvtepu8_epi32(_mm_cvtsi64_si128(values)));
  }
#endif
#if defined(__SSE2__)
  if constexpr (kLanes == 4) {
    std::int32_t values;
    __builtin_memcpy(&values, &bytes, sizeof values);
    const __m128i pairs = _mm_unpacklo_epi8(_mm_cvtsi32_si128(values), _mm_setzero_si128());
    return reinterpret_cast<Ints>(_mm_unpacklo_epi16(pairs, _mm_setzero_si128()));
  }
#endif
  return __builtin_convertvector(bytes, Ints);
}

/// Values between -2^22 and 2^22, rounded, plus `zero`, as bytes. With 3 * 2^22 added, a float's
/// last bit counts ones, so that the addition rounds, halves to even; and its last byte is that of
/// the integer.
template <int kLanes>
inline typename Integers<kLanes>::Bytes round_to_bytes(typename Integers<kLanes>::Floats values,
                                                       std::int32_t zero) {
  using I = Integers<kLanes>;
  values += 12582912.0F;
  return __builtin_convertvector(reinterpret_cast<typename I::Ints>(values) + zero,
                                 typename I::Bytes);
}

/// float(q - zero) of bytes that `flip` makes u8.
template <int kLanes>
inline typename Integers<kLanes>::Floats load_apart(const std::uint8_t* from, std::uint8_t flip,
                                                    std::int32_t zero) {
  using I = Integers<kLanes>;
  const typename I::Bytes bytes = I::template load<typename I::Bytes>(from) ^ flip;
  const typename I::Ints apart = widen<kLanes>(bytes) - zero;
  return __builtin_convertvector(apart, typename I::Floats);
}

}  // namespace

}  // namespace dnnaccel::kernels
