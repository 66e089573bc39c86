#pragma once

#include <cstdint>

#include "kernels/int8/tile.hpp"

// Kernels of bfloat16, and the tables of them: one for each instruction set, each in a file
// compiled for it.
namespace dnnaccel::kernels {

/// Products of matrices of bfloat16, summed up in float32. The tiles are those of
/// kernels/int8/tile.hpp with a pair of bfloat16 for a quad of bytes: Int8Tile::start has the bits
/// of the bias, and residuals and outputs are float32:
///
///     y = clamp(bias + sum over k of x(k) * w(k) + residual, low, high)
///
/// In which order the products of a pair are added, and what becomes of denormal numbers, is the
/// processor's affair: instruction sets differ in the last places.
struct Bf16Kernels {
  Int8Levels tiles;
  /// float32 to bfloat16, to the nearest, halves to even; a NaN stays one.
  void (*round)(const float* from, std::uint16_t* to, std::int64_t count) noexcept;
};

extern const Bf16Kernels kPortableBf16;
extern const Bf16Kernels kAvx2Bf16;
extern const Bf16Kernels kAvx512Bf16;
extern const Bf16Kernels kAvx512DotBf16;
extern const Bf16Kernels kNeonBf16;

}  // namespace dnnaccel::kernels
