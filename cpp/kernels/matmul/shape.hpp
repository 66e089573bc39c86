#pragma once

#include <cstdint>

#include "kernels/operator.hpp"

// The shapes of a product of matrices, checked.
namespace dnnaccel::kernels {

/// Matrices in batches. A batch axis of one matrix stands for all of the other side's.
struct MatmulShape {
  std::int64_t rows = 0;
  std::int64_t depth = 0;
  std::int64_t columns = 0;
  std::int64_t batches = 1;
  bool transpose_right = false;
  Shape batch;      // of the result
  Shape left_step;  // for each axis of `batch`, matrices from one to the next
  Shape right_step;
};

/// Throws std::invalid_argument for shapes that do not meet or that no array can have.
MatmulShape matmul_shape(const Shape& left, const Shape& right, bool transpose_right);

/// Which matrix batch `index` reads, by left_step or right_step.
std::int64_t matrix_of(const MatmulShape& shape, const Shape& step, std::int64_t index) noexcept;

}  // namespace dnnaccel::kernels
