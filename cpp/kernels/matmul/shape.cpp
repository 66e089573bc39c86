#include "kernels/matmul/shape.hpp"

#include <algorithm>

#include "kernels/checks.hpp"

namespace dnnaccel::kernels {

namespace {

constexpr const char* kWho = "matmul";

/// Axis `axis` of `batches` axes of a batch, counted from the first; those that it lacks are 1.
std::int64_t batch_axis(const Shape& shape, std::size_t batches, std::size_t axis) {
  const std::size_t own = shape.size() - 2;
  return axis + own < batches ? 1 : shape[axis + own - batches];
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
    refuse(kWho, "both sides need two axes or more, not " + text(left) + " and " + text(right));
  check_shape(kWho, left);
  check_shape(kWho, right);
  const std::int64_t last = right.back();
  const std::int64_t before = right[right.size() - 2];
  MatmulShape shape{.rows = left[left.size() - 2],
                    .depth = left.back(),
                    .columns = transpose_right ? before : last,
                    .transpose_right = transpose_right};
  if ((transpose_right ? last : before) != shape.depth)
    refuse(kWho, "the left side " + text(left) + " has not as many columns as the right side " +
                     text(right) + (transpose_right ? ", transposed," : "") + " has rows");
  const std::size_t batches = std::max(left.size(), right.size()) - 2;
  for (std::size_t axis = 0; axis < batches; ++axis) {
    const std::int64_t a = batch_axis(left, batches, axis);
    const std::int64_t b = batch_axis(right, batches, axis);
    if (a != b && a != 1 && b != 1)
      refuse(kWho, "the batches of " + text(left) + " and " + text(right) + " do not meet");
    shape.batch.push_back(a == 1 ? b : a);
  }
  shape.left_step = steps(left, batches);
  shape.right_step = steps(right, batches);
  Shape result = shape.batch;
  result.insert(result.end(), {shape.rows, shape.columns});
  check_shape(kWho, result);
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
