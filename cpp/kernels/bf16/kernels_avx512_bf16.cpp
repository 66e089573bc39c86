#include <immintrin.h>

#include "kernels/bf16/body.hpp"

namespace dnnaccel::kernels {

namespace {

struct Bf16Dot {
  static constexpr bool kSigned = false;
  static constexpr bool kFloats = true;

  template <int kLanes>
  static inline typename Integers<kLanes>::Ints add(typename Integers<kLanes>::Ints sums,
                                                    typename Integers<kLanes>::Ints x,
                                                    typename Integers<kLanes>::Ints w) {
    static_assert(kLanes == 16);
    return reinterpret_cast<typename Integers<kLanes>::Ints>(
        _mm512_dpbf16_ps(reinterpret_cast<__m512>(sums), reinterpret_cast<__m512bh>(x),
                         reinterpret_cast<__m512bh>(w)));
  }
};

}  // namespace

// As for 8-bit integers: of a tile of 6 pixels by 4 vectors, 24 registers hold sums.
const Bf16Kernels kAvx512DotBf16 = bf16_kernels<Bf16Dot, 16, Int8Rows{14, 12, 8, 6}>();

}  // namespace dnnaccel::kernels
