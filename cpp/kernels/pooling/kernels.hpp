#pragma once

#include <cstdint>

// The contract of the pooling kernels, and the tables of them: one for each instruction set, each
// in a file compiled for it.
namespace dnnaccel::kernels {

/// A row of windows of one NHWC image, all of the same rows of it. Windows are clipped at its left
/// and right.
struct PoolRow {
  const float* input;  // the first of the rows that the windows see, at column 0
  float* output;       // the first window's
  std::int64_t rows;   // that the windows see: at least 1
  std::int64_t columns;
  std::int64_t channels;
  std::int64_t row_step;  // between the image's rows, in values
  std::int64_t x_pitch;   // between its pixels
  std::int64_t out_pitch;
  std::int64_t windows;
  std::int64_t window;  // columns
  std::int64_t stride;
  std::int64_t left;          // columns of padding
  std::int64_t padded_width;  // with the padding on both sides
  std::int64_t divisor_rows;  // average: by so many rows times the columns
  bool count_padding;         // in these columns
};

/// All pixels of one NHWC image, for `channels` of its channels.
struct PoolImage {
  const float* input;
  float* output;
  std::int64_t pixels;  // at least 1
  std::int64_t channels;
  std::int64_t x_pitch;
  float factor;  // average: 1 / pixels
};

/// The largest of each window, NaN where there is one; or its mean.
struct PoolingKernels {
  void (*max)(const PoolRow&) noexcept;
  void (*average)(const PoolRow&) noexcept;
  void (*global_max)(const PoolImage&) noexcept;
  /// Sums of blocks of pixels are added up, in the order of the pixels.
  void (*global_average)(const PoolImage&) noexcept;
};

extern const PoolingKernels kPortablePooling;
extern const PoolingKernels kAvx2Pooling;
extern const PoolingKernels kAvx512Pooling;
extern const PoolingKernels kNeonPooling;

}  // namespace dnnaccel::kernels
