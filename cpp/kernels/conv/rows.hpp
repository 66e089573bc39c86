#pragma once

#include <cstdint>

// The contract of kernels that compute, channel by channel, a few neighbouring pixels of one row of
// outputs: each input is read once for all the pixels that see it. Nothing here needs the standard
// library, because files compiled for one instruction set include it.
namespace dnnaccel::kernels {

/// One piece of a row, of `vectors` vectors of channels one after the other, or of a part of one.
/// With x(r, j, c) the value of channel c at the r-th of `rows` rows of the image and the j-th
/// column from where the first pixel's window begins, w(r, s, c) a row of `panel`, and q a
/// residual:
///
///     y(i, c) = clamp(bias(c) + sum over r, s in order of x(r, i * stride + s, c) * w(r, s, c)
///                     + q(i, c), low, high)
///
/// Columns that lie before `first_column` or from `end_column` on are padding: they are not read
/// and not multiplied. The sum of one output is one chain, however a row is cut into pieces.
struct RowArgs {
  const float* input;
  std::int64_t offset;  // of x(0, 0, 0) from `input`: it may lie before the image
  std::int64_t row_step;
  std::int64_t column_step;
  std::int32_t rows;
  std::int32_t first_column;
  std::int32_t end_column;
  std::int32_t vectors;
  std::int32_t width;  // of a part: channels to read and store
  const float* panel;  // of the first vector
  const float* bias;
  std::int64_t panel_step;  // from one vector's panel, and bias, to the next one's
  const float* residual;    // laid out as the output, or null
  float* output;
  std::int64_t out_step;
  float low;
  float high;
};

using RowKernel = void (*)(const RowArgs&) noexcept;

inline constexpr int kRowTaps[] = {3, 5, 7};
inline constexpr int kRowStrides = 2;

/// Kernels of one width and one stride: `whole[p - 1]` computes p pixels of vectors of
/// channels, `part[p - 1]` of fewer channels than one has.
struct RowColumn {
  const RowKernel* whole;
  const RowKernel* part;
};

/// All of them of one instruction set.
struct RowKernels {
  int lanes;
  int pixels;  // of the longest piece
  /// For kernels of kRowTaps[t] columns and stride s: columns[t][s - 1].
  RowColumn columns[3][kRowStrides];
};

extern const RowKernels kPortableRows;
extern const RowKernels kAvx2Rows;
extern const RowKernels kAvx512Rows;
extern const RowKernels kNeonRows;

}  // namespace dnnaccel::kernels
