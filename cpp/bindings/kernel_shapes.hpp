#pragma once

#include <pybind11/numpy.h>

#include <array>
#include <cstdint>
#include <optional>

#include "bindings/operators.hpp"
#include "kernels/conv/shape.hpp"
#include "kernels/operator.hpp"

// Shapes of convolutions and matrix products, from what Python says of them.
namespace dnnaccel::bindings {

using Four = std::array<std::int64_t, 4>;
using Two = std::array<std::int64_t, 2>;

struct ConvSides {
  Two stride;
  Four padding;  // top, bottom, left, right
  Two dilation;
  std::int64_t groups;
  std::int64_t x_pitch;
  std::int64_t out_pitch;
};

/// The checked shape of a convolution of NHWC images; refuses weights that do not fit.
kernels::ConvShape conv_shape(const Four& input, const pybind11::array& weights,
                              const ConvSides& sides);

/// A product with a matrix is a convolution of an image one row high.
kernels::ConvShape linear_shape(const kernels::Shape& input, const pybind11::array& weights,
                                std::int64_t x_pitch, std::int64_t out_pitch);

/// Outputs of a convolution: (batch, height, width, channels).
kernels::Shape output_shape(const kernels::ConvShape& shape);

/// The values of a bias, or null for none, if it is one for each of the weights' outputs.
const float* bias_values(const std::optional<FloatArray>& bias, const pybind11::array& weights);

}  // namespace dnnaccel::bindings
