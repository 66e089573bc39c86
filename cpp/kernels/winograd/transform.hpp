#pragma once

#include <cstdint>

// The contract of the kernels that take images into Winograd's domain and back. Nothing here needs
// the standard library, because files compiled for one instruction set include it.
//
// F(4x4, 3x3) with the points 0, 1, -1, 2, -1/2 and infinity: 6 by 6 inputs d and 3 by 3 weights g
// give 4 by 4 outputs,
//
//     Y = A' [(G g G') * (B' d B)] A
//
// where * multiplies value by value, and summed over channels is 36 products of matrices. These
// points make the error about half of that of 0, 1, -1, 2, -2, because their powers are closer
// together; and all of B' and A' are small sums of powers of two.
namespace dnnaccel::kernels {

inline constexpr int kWinogradTile = 4;                                // outputs, each way
inline constexpr int kWinogradSide = 6;                                // inputs
inline constexpr int kWinogradValues = kWinogradSide * kWinogradSide;  // of a tile and channel

/// One tile, from images: values(k, c) = (B' d(c) B) at row k / 6 and column k % 6.
struct WinogradInput {
  const float* pixels[kWinogradValues];  // channels of each; those in the padding are zeros
  float* values;                         // (k, c) at k * step + c, with room for whole vectors
  std::int64_t step;
  std::int32_t channels;
};

/// One tile, to images: y(i, j, c) = clamp((A' m(c) A)(i, j) + bias(c) + r(i, j, c), low, high),
/// for i below `rows` and j below `columns`.
struct WinogradOutput {
  const float* values;    // (k, c) at k * step + c, in whole vectors
  const float* bias;      // in whole vectors
  const float* residual;  // laid out as the output, or null
  float* output;          // (i, j, c) at i * row_step + j * column_step + c
  std::int64_t step;
  std::int64_t row_step;
  std::int64_t column_step;
  std::int32_t rows;
  std::int32_t columns;
  std::int32_t channels;
  float low;
  float high;
};

struct WinogradKernels {
  int lanes;
  void (*input)(const WinogradInput&) noexcept;
  void (*output)(const WinogradOutput&) noexcept;
};

}  // namespace dnnaccel::kernels
