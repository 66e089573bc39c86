#pragma once

#include <cstdint>

// The contract of the kernels that a product of two matrices needs beside tiles: to pack the right
// one, and to multiply few rows without packing it. Files compiled for one instruction set include
// this.
namespace dnnaccel::kernels {

/// A part of a matrix, and where it goes: a panel of `depth` rows of `row_length` values, of which
/// the first `width` are set and the rest are zeros.
struct PackArgs {
  const float* from;
  std::int64_t pitch;  // from one vector of the matrix to the next
  float* panel;
  std::int64_t depth;
  std::int32_t width;
  std::int32_t row_length;  // whole vectors
  float factor;
};

/// out(i) = factor * sum over k of x(k) * rows(i, k), for i of 0 ... count - 1.
struct DotArgs {
  const float* x;
  const float* rows;
  std::int64_t pitch;
  std::int64_t count;
  std::int64_t depth;
  float factor;
  float* out;
};

/// out(c) = factor * (before(c) + sum over i in order of weights(i) * rows(i, c)), for c of
/// 0 ... width - 1; `before` is what `out` holds if `add`, else 0.
struct CombineArgs {
  const float* weights;
  const float* rows;
  std::int64_t pitch;
  std::int64_t count;
  std::int64_t width;
  float factor;
  bool add;
  float* out;
};

struct MatmulKernels {
  /// panel(k, c) = factor * from[k * pitch + c]
  void (*pack_rows)(const PackArgs&) noexcept;
  /// panel(k, c) = factor * from[c * pitch + k]
  void (*pack_columns)(const PackArgs&) noexcept;
  void (*dots)(const DotArgs&) noexcept;
  void (*combine)(const CombineArgs&) noexcept;
};

extern const MatmulKernels kPortableMatmul;
extern const MatmulKernels kAvx2Matmul;
extern const MatmulKernels kAvx512Matmul;
extern const MatmulKernels kNeonMatmul;

}  // namespace dnnaccel::kernels
