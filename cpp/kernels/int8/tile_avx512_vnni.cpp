#include <immintrin.h>

#include "kernels/int8/tile_body.hpp"
#include "kernels/int8/variants.hpp"

namespace dnnaccel::kernels {

namespace {

struct Vnni {
  static constexpr bool kSigned = false;
  static constexpr bool kFloats = false;

  template <int kLanes>
  static inline typename Integers<kLanes>::Ints add(typename Integers<kLanes>::Ints sums,
                                                    typename Integers<kLanes>::Ints x,
                                                    typename Integers<kLanes>::Ints w) {
    using Ints = typename Integers<kLanes>::Ints;
    if constexpr (kLanes == 16) {
      return reinterpret_cast<Ints>(_mm512_dpbusd_epi32(reinterpret_cast<__m512i>(sums),
                                                        reinterpret_cast<__m512i>(x),
                                                        reinterpret_cast<__m512i>(w)));
    } else {
      static_assert(kLanes == 4);
      return reinterpret_cast<Ints>(_mm_dpbusd_epi32(reinterpret_cast<__m128i>(sums),
                                                     reinterpret_cast<__m128i>(x),
                                                     reinterpret_cast<__m128i>(w)));
    }
  }

  /// The upper three bytes of x are 0.
  template <int kLanes>
  static inline typename Integers<kLanes>::Ints mac(typename Integers<kLanes>::Ints sums,
                                                    typename Integers<kLanes>::Ints x,
                                                    typename Integers<kLanes>::Ints w) {
    return add<kLanes>(sums, x, w);
  }
};

}  // namespace

// 32 registers: of a tile of 6 pixels by 4 vectors, 24 hold sums, 4 a quad of weights and one a
// quad of inputs.
const Int8Set kAvx512VnniInt8 =
    int8_set<Vnni, 16, Int8Rows{14, 12, 8, 6}, Int8Rows{14, 12, 8, 6}>();

}  // namespace dnnaccel::kernels
