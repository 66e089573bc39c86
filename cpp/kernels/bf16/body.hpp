#pragma once

#include "kernels/bf16/kernels.hpp"
#include "kernels/int8/tile_body.hpp"

// The kernels of kernels/bf16/kernels.hpp: one body for every instruction set. A file that includes
// it is compiled for one and calls nothing of the standard library.
namespace dnnaccel::kernels {

namespace {

/// A bfloat16 is the upper half of a float32: so two multiply-adds make the product of a pair.
struct TwoFloats {
  static constexpr bool kSigned = false;
  static constexpr bool kFloats = true;

  template <int kLanes>
  static inline typename Integers<kLanes>::Ints add(typename Integers<kLanes>::Ints sums,
                                                    typename Integers<kLanes>::Ints x,
                                                    typename Integers<kLanes>::Ints w) {
    using Ints = typename Integers<kLanes>::Ints;
    using Floats = typename Integers<kLanes>::Floats;
    constexpr auto kUpper = static_cast<std::int32_t>(0xFFFF0000);
    auto values = reinterpret_cast<Floats>(sums);
    values += reinterpret_cast<Floats>(x << 16) * reinterpret_cast<Floats>(w << 16);
    const Ints upper = x & kUpper;
    const Ints other = w & kUpper;
    values += reinterpret_cast<Floats>(upper) * reinterpret_cast<Floats>(other);
    return reinterpret_cast<Ints>(values);
  }
};

template <int kLanes>
inline std::int64_t round_from(const float* from, std::uint16_t* to, std::int64_t count,
                               std::int64_t at) {
  using I = Integers<kLanes>;
  using Ints = typename I::Ints;
  for (; at + kLanes <= count; at += kLanes) {
    const Ints bits = I::template load<Ints>(from + at);
    const Ints magnitude = bits & 0x7FFFFFFF;
    const Ints nearest = bits + 0x7FFF + ((bits >> 16) & 1);
    // A NaN is kept from becoming infinity.
    const Ints rounded = magnitude > 0x7F800000 ? bits | 0x00400000 : nearest;
    const Ints upper = rounded >> 16;
    const auto halves = __builtin_convertvector(upper, typename I::Halves);
    __builtin_memcpy(to + at, &halves, sizeof halves);
  }
  return at;
}

template <int kLanes>
void round_floats(const float* from, std::uint16_t* to, std::int64_t count) noexcept {
  round_from<1>(from, to, count, round_from<kLanes>(from, to, count, 0));
}

template <class Dot, int kLanes, Int8Rows kRows>
constexpr Bf16Kernels bf16_kernels() {
  return {{int8_level<Dot, false, DenseBytes, kLanes, kRows>(), {}}, round_floats<kLanes>};
}

}  // namespace

}  // namespace dnnaccel::kernels
