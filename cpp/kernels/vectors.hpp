#pragma once

// Vectors of the compiler, of any number of lanes, for the kernels' bodies. In an unnamed
// namespace: every file compiled for an instruction set must have copies of its own.
namespace dnnaccel::kernels {

namespace {

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
    values = values < lows ? lows : values;
    return values > highs ? highs : values;
  }
};

}  // namespace

}  // namespace dnnaccel::kernels
