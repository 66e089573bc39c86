#pragma once

#include <cstdint>

#include "kernels/vectors.hpp"

// The ends of rows that do not fill a vector: nothing behind them is touched. In an unnamed
// namespace: see vectors.hpp.
namespace dnnaccel::kernels {

namespace {

/// The first `count` values, and `other` in the lanes that are left.
template <int kLanes>
inline typename Vectors<kLanes>::Floats load_part(const float* from, std::int64_t count,
                                                  float other = 0) {
  using V = Vectors<kLanes>;
  float buffer[kLanes];
  V::store(buffer, other - typename V::Floats{});
  __builtin_memcpy(buffer, from, static_cast<unsigned long>(count) * sizeof(float));
  return V::load(buffer);
}

template <int kLanes>
inline void store_part(float* to, typename Vectors<kLanes>::Floats values, std::int64_t count) {
  float buffer[kLanes];
  Vectors<kLanes>::store(buffer, values);
  __builtin_memcpy(to, buffer, static_cast<unsigned long>(count) * sizeof(float));
}

}  // namespace

}  // namespace dnnaccel::kernels
