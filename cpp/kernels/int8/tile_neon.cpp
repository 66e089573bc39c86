#include <arm_neon.h>

#include "kernels/int8/tile_body.hpp"
#include "kernels/int8/variants.hpp"

namespace dnnaccel::kernels {

namespace {

#if defined(__ARM_FEATURE_DOTPROD)
struct NeonDot {
  static constexpr bool kSigned = true;
  static constexpr bool kFloats = false;

  template <int kLanes>
  static inline typename Integers<kLanes>::Ints add(typename Integers<kLanes>::Ints sums,
                                                    typename Integers<kLanes>::Ints x,
                                                    typename Integers<kLanes>::Ints w) {
    using Ints = typename Integers<kLanes>::Ints;
    return reinterpret_cast<Ints>(vdotq_s32(reinterpret_cast<int32x4_t>(sums),
                                            reinterpret_cast<int8x16_t>(x),
                                            reinterpret_cast<int8x16_t>(w)));
  }

  template <int kLanes>
  static inline typename Integers<kLanes>::Ints mac(typename Integers<kLanes>::Ints sums,
                                                    typename Integers<kLanes>::Ints x,
                                                    typename Integers<kLanes>::Ints w) {
    return sums + x * w;
  }
};
#else
using NeonDot = OneByOne;
#endif

}  // namespace

// 32 registers: of a tile of 6 pixels by 4 vectors, 24 hold sums.
const Int8Set kNeonInt8 = int8_set<NeonDot, 4, Int8Rows{12, 10, 8, 6}, Int8Rows{12, 10, 8, 6}>();

}  // namespace dnnaccel::kernels
