#pragma once

// Vectors of the compiler, of any number of lanes, for the kernels' bodies. In an unnamed
// namespace: every file compiled for an instruction set must have copies of its own.
namespace dnnaccel::kernels {

namespace {

/// 0 ... kCount - 1, to be expanded.
template <int kCount, int... kIndices>
struct Sequence : Sequence<kCount - 1, kCount - 1, kIndices...> {};
template <int... kIndices>
struct Sequence<0, kIndices...> {
  /// Every lane's value replaced by that of lane kMember of its group of kGroup lanes.
  template <int kGroup, int kMember, class Floats>
  static inline Floats spread(Floats values) {
    return __builtin_shufflevector(values, values, (kIndices / kGroup * kGroup + kMember)...);
  }

  /// Lanes of two vectors: in lane i that of number Pattern::at(i), where those of `a` count from
  /// 0 and those of `b` from the number of lanes.
  template <class Pattern, class Floats>
  static inline Floats exchange(Floats a, Floats b) {
    return __builtin_shufflevector(a, b, Pattern::at(kIndices)...);
  }
};

template <int kLanes>
struct Vectors {
  using Floats [[gnu::vector_size(kLanes * 4)]] = float;

  // Through memcpy: a tensor need not be aligned to more than its values are.
  static inline Floats load(const float* from) {
    Floats values;
    __builtin_memcpy(&values, from, sizeof values);
    return values;
  }
  static inline void store(float* to, Floats values) {
    __builtin_memcpy(to, &values, sizeof values);
  }

  // Comparisons with NaN are false, so a NaN is kept.
  static inline Floats clamp(Floats values, float low, float high) {
    const Floats lows = low - Floats{};
    const Floats highs = high - Floats{};
    values = lows > values ? lows : values;
    return highs < values ? highs : values;
  }
};

}  // namespace

}  // namespace dnnaccel::kernels
