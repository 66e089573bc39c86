#pragma once

#include "kernels/vectors.hpp"

// Moves of values between the lanes of vectors. In an unnamed namespace: see vectors.hpp.
namespace dnnaccel::kernels {

namespace {

template <int kCount, int... kIndices>
struct LaneMoves : LaneMoves<kCount - 1, kCount - 1, kIndices...> {};
template <int... kIndices>
struct LaneMoves<0, kIndices...> {
  static constexpr int kLanes = sizeof...(kIndices);
  using Floats = typename Vectors<kLanes>::Floats;

  /// Every second lane: the first half of a's, the second of b's.
  static inline Floats evens(Floats a, Floats b) {
    return __builtin_shufflevector(a, b, (2 * kIndices)...);
  }
  static inline Floats odds(Floats a, Floats b) {
    return __builtin_shufflevector(a, b, (2 * kIndices + 1)...);
  }
  /// Of each two stretches of kStep lanes: a's first, then b's first.
  template <int kStep>
  static inline Floats firsts(Floats a, Floats b) {
    return __builtin_shufflevector(
        a, b, ((kIndices & kStep) == 0 ? kIndices : kLanes + kIndices - kStep)...);
  }
  /// a's second, then b's second.
  template <int kStep>
  static inline Floats seconds(Floats a, Floats b) {
    return __builtin_shufflevector(
        a, b, ((kIndices & kStep) == 0 ? kIndices + kStep : kLanes + kIndices)...);
  }

  /// Lane i is the sum of sums[i]'s lanes.
  template <int kFirst = 0, int kVectors = kLanes>
  static inline Floats add_lanes(const Floats (&sums)[kLanes]) {
    if constexpr (kVectors == 1) {
      return sums[kFirst];
    } else {
      const Floats a = add_lanes<kFirst, kVectors / 2>(sums);
      const Floats b = add_lanes<kFirst + kVectors / 2, kVectors / 2>(sums);
      return evens(a, b) + odds(a, b);
    }
  }
};

}  // namespace

}  // namespace dnnaccel::kernels
