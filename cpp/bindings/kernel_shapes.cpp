#include "bindings/kernel_shapes.hpp"

#include <algorithm>
#include <string>

namespace dnnaccel::bindings {

using kernels::ConvShape;

ConvShape conv_shape(const Four& input, const pybind11::array& weights, const ConvSides& sides) {
  if (weights.ndim() != 4)
    refuse("the weights", "of four axes: outputs, channels of a group, rows, columns; not " +
                              std::to_string(weights.ndim()));
  const ConvShape shape{.batch = input[0],
                        .height = input[1],
                        .width = input[2],
                        .channels = input[3],
                        .outputs = weights.shape(0),
                        .kernel_height = weights.shape(2),
                        .kernel_width = weights.shape(3),
                        .stride_height = sides.stride[0],
                        .stride_width = sides.stride[1],
                        .pad_top = sides.padding[0],
                        .pad_bottom = sides.padding[1],
                        .pad_left = sides.padding[2],
                        .pad_right = sides.padding[3],
                        .dilation_height = sides.dilation[0],
                        .dilation_width = sides.dilation[1],
                        .groups = sides.groups,
                        .x_pitch = sides.x_pitch,
                        .out_pitch = sides.out_pitch};
  kernels::check(shape);
  if (weights.shape(1) != shape.group_channels())
    refuse("the weights",
           "of as many channels as a group has: " + std::to_string(shape.group_channels()) +
               ", not " + std::to_string(weights.shape(1)));
  return shape;
}

ConvShape linear_shape(const kernels::Shape& input, const pybind11::array& weights,
                       std::int64_t x_pitch, std::int64_t out_pitch) {
  if (weights.ndim() != 2)
    refuse("the weights", "of two axes: outputs, inputs; not " + std::to_string(weights.ndim()));
  if (input.empty() || input.back() != weights.shape(1))
    refuse("the input", "of as many values as the weights have columns: (..., " +
                            std::to_string(weights.shape(1)) + "), not " + shape_text(input));
  std::int64_t vectors = 1;
  for (std::size_t axis = 0; axis + 1 < input.size(); ++axis) {
    if (input[axis] < 0 || __builtin_mul_overflow(vectors, input[axis], &vectors))
      refuse("the input", "of a shape that an array can have, not " + shape_text(input));
  }
  const ConvShape shape{.batch = vectors == 0 ? 0 : 1,
                        .width = std::max(vectors, std::int64_t{1}),
                        .channels = weights.shape(1),
                        .outputs = weights.shape(0),
                        .x_pitch = x_pitch,
                        .out_pitch = out_pitch};
  kernels::check(shape);
  return shape;
}

kernels::Shape output_shape(const ConvShape& shape) {
  return {shape.batch, shape.out_height(), shape.out_width(), shape.outputs};
}

const float* bias_values(const std::optional<FloatArray>& bias, const pybind11::array& weights) {
  if (!bias) return nullptr;
  if (bias->ndim() != 1 || bias->shape(0) != weights.shape(0))
    refuse("the bias",
           "one value for each of the " + std::to_string(weights.shape(0)) + " outputs");
  return bias->data();
}

}  // namespace dnnaccel::bindings
