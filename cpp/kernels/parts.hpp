#pragma once

#include "kernels/vectors.hpp"

// The first lanes of a vector alone, where what is behind them in memory is not to be touched. A
// file for an instruction set that has masks includes its own header of them before a body.
namespace dnnaccel::kernels {

namespace {

/// `count` is from 1 to kLanes. The other lanes are read as zeros.
template <int kLanes>
struct Part {
  using V = Vectors<kLanes>;

  static inline typename V::Floats load(const float* from, int count) {
    float buffer[kLanes] = {};
    __builtin_memcpy(buffer, from, static_cast<unsigned long>(count) * sizeof(float));
    return V::load(buffer);
  }
  static inline void store(float* to, typename V::Floats values, int count) {
    float buffer[kLanes];
    V::store(buffer, values);
    __builtin_memcpy(to, buffer, static_cast<unsigned long>(count) * sizeof(float));
  }
};

}  // namespace

}  // namespace dnnaccel::kernels
