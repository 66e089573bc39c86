#pragma once

#include <cstdint>

namespace dnnaccel::kernels {

/// `count` matrices of `rows` by `columns`.
struct Matrices {
  std::int64_t count;
  std::int64_t rows;
  std::int64_t columns;
};

/// Write each matrix transposed: of images, NCHW to NHWC with the channels as rows, and back with
/// the pixels as rows.
void transpose(const float* from, float* to, const Matrices& shape, unsigned threads);

}  // namespace dnnaccel::kernels
