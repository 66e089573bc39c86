#pragma once

#include <cstdint>

namespace dnnaccel::kernels {

/// A two-dimensional convolution of `batch` images in NHWC order.
struct ConvShape {
  std::int64_t batch = 1;
  std::int64_t height = 1;
  std::int64_t width = 1;
  std::int64_t channels = 1;
  std::int64_t outputs = 1;  // output channels
  std::int64_t kernel_height = 1;
  std::int64_t kernel_width = 1;
  std::int64_t stride_height = 1;
  std::int64_t stride_width = 1;
  std::int64_t pad_top = 0;
  std::int64_t pad_bottom = 0;
  std::int64_t pad_left = 0;
  std::int64_t pad_right = 0;
  std::int64_t dilation_height = 1;
  std::int64_t dilation_width = 1;
  std::int64_t groups = 1;
  // Values from one pixel to the next, in memory; 0: as many as there are channels. More: the image
  // is a slice of the channels of a wider one.
  std::int64_t x_pitch = 0;
  std::int64_t out_pitch = 0;

  std::int64_t x_step() const { return x_pitch != 0 ? x_pitch : channels; }
  std::int64_t out_step() const { return out_pitch != 0 ? out_pitch : outputs; }
  std::int64_t group_channels() const { return channels / groups; }
  std::int64_t group_outputs() const { return outputs / groups; }
  std::int64_t out_height() const {
    return (height + pad_top + pad_bottom - dilation_height * (kernel_height - 1) - 1) /
               stride_height +
           1;
  }
  std::int64_t out_width() const {
    return (width + pad_left + pad_right - dilation_width * (kernel_width - 1) - 1) / stride_width +
           1;
  }
  std::int64_t input_size() const { return batch * height * width * channels; }
  std::int64_t output_size() const { return batch * out_height() * out_width() * outputs; }
  std::int64_t weight_size() const {
    return outputs * group_channels() * kernel_height * kernel_width;
  }
  /// Each channel has a kernel of its own.
  bool depthwise() const { return groups == channels && outputs == channels && channels > 1; }
  /// Each group gives as many outputs as it has channels.
  bool even_groups() const { return groups > 1 && outputs == channels; }
};

/// Throws std::invalid_argument, with the value at fault, unless the shape is one of a convolution
/// with at least one output, whose images (with what lies between their pixels) and weights each
/// have fewer than 2^31 values.
void check(const ConvShape& shape);

}  // namespace dnnaccel::kernels
