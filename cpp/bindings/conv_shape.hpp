#pragma once

#include <array>
#include <cstdint>
#include <optional>

#include "bindings/operators.hpp"
#include "kernels/conv/shape.hpp"

// What the bindings of all convolutions share.
namespace dnnaccel::bindings {

using Two = std::array<std::int64_t, 2>;
using Four = std::array<std::int64_t, 4>;

/// The shape of a convolution of `images` (batch, height, width, channels), checked.
kernels::ConvShape conv_shape(const Four& images, const FloatArray& weights, Two stride,
                              Four padding, Two dilation, std::int64_t groups, std::int64_t x_pitch,
                              std::int64_t out_pitch);

/// A product of `input`, vectors along its last axis, with a matrix, as a convolution of an image
/// one row high.
kernels::ConvShape linear_shape(const kernels::Shape& input, const FloatArray& weights,
                                std::int64_t x_pitch, std::int64_t out_pitch);

/// Outputs of a convolution: (batch, height, width, channels).
kernels::Shape output_shape(const kernels::ConvShape& shape);

/// The values of a bias, or null for none, if it is one for each of the weights' outputs.
const float* bias_values(const std::optional<FloatArray>& bias, const FloatArray& weights);

}  // namespace dnnaccel::bindings
