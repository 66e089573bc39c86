#include "kernels/matmul/shape.hpp"

#include <algorithm>
#include <stdexcept>
#include <string>

namespace dnnaccel::kernels {

namespace {

std::string text(const Shape& shape) {
  std::string all = "(";
  for (const std::int64_t axis : shape) all += (all.size() > 1 ? ", " : "") + std::to_string(axis);
  return all + ")";
}

/// Axis `axis` of `batches` axes of a batch, counted from the first; those that it lacks are 1.
std::int64_t batch_axis(const Shape& shape, std::size_t batches, std::size_t axis) {
  const std::size_t own = shape.size() - 2;
  return axis + own < batches ? 1 : shape[axis + own - batches];
}

void check_size(const Shape& shape) {
  constexpr std::int64_t kMostValues = std::int64_t{1} << 40;
  std::int64_t values = 1;
  for (const std::int64_t axis : shape) {
    if (axis < 0 || axis > kMostValues ||
        (axis != 0 && __builtin_mul_overflow(values, axis, &values)) || values > kMostValues)
      throw std::invalid_argument("matmul: no matrices of shape " + text(shape));
  }
}

Shape steps(const Shape& shape, std::size_t batches) {
  Shape all(batches);
  std::int64_t matrices = 1;
  for (std::size_t axis = batches; axis-- > 0;) {
    const std::int64_t size = batch_axis(shape, batches, axis);
    all[axis] = size == 1 ? 0 : matrices;
    matrices *= size;
  }
  return all;
}

}  // namespace

MatmulShape matmul_shape(const Shape& left, const Shape& right, bool transpose_right) {
  if (left.size() < 2 || right.size() < 2)
    throw std::invalid_argument("matmul: both sides need two axes or more, not " + text(left) +
                                " and " + text(right));
  check_size(left);
  check_size(right);
  const std::int64_t last = right.back();
  const std::int64_t before = right[right.size() - 2];
  MatmulShape shape{.rows = left[left.size() - 2],
                    .depth = left.back(),
                    .columns = transpose_right ? before : last,
                    .transpose_right = transpose_right};
  if ((transpose_right ? last : before) != shape.depth)
    throw std::invalid_argument("matmul: the left side " + text(left) +
                                " has not as many columns as the right side " + text(right) +
                                (transpose_right ? ", transposed," : "") + " has rows");
  const std::size_t batches = std::max(left.size(), right.size()) - 2;
  for (std::size_t axis = 0; axis < batches; ++axis) {
    const std::int64_t a = batch_axis(left, batches, axis);
    const std::int64_t b = batch_axis(right, batches, axis);
    if (a != b && a != 1 && b != 1)
      throw std::invalid_argument("matmul: the batches of " + text(left) + " and " + text(right) +
                                  " do not meet");
    shape.batch.push_back(a == 1 ? b : a);
  }
  shape.left_step = steps(left, batches);
  shape.right_step = steps(right, batches);
  Shape result = shape.batch;
  result.insert(result.end(), {shape.rows, shape.columns});
  check_size(result);
  for (const std::int64_t axis : shape.batch) shape.batches *= axis;
  // One matrix for the whole batch: its rows are those of one larger left side.
  if (std::all_of(shape.right_step.begin(), shape.right_step.end(),
                  [](std::int64_t step) { return step == 0; }) &&
      left.size() - 2 == batches) {
    bool all = true;
    for (std::size_t axis = 0; axis < batches; ++axis) all = all && left[axis] == shape.batch[axis];
    if (all) {
      shape.rows *= shape.batches;
      shape.batches = std::min<std::int64_t>(shape.batches, 1);
      shape.batch.clear();
      shape.left_step.clear();
      shape.right_step.clear();
    }
  }
  return shape;
}

std::int64_t matrix_of(const MatmulShape& shape, const Shape& step, std::int64_t index) noexcept {
  std::int64_t matrix = 0;
  for (std::size_t axis = shape.batch.size(); axis-- > 0;) {
    matrix += index % shape.batch[axis] * step[axis];
    index /= shape.batch[axis];
  }
  return matrix;
}

}  // namespace dnnaccel::kernels
