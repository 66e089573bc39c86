#pragma once

#include <cstdint>
#include <memory>
#include <string>

#include "kernels/checks.hpp"
#include "kernels/operator.hpp"

namespace dnnaccel::kernels {

/// Windows over NHWC images.
struct PoolShape {
  std::int64_t batch = 1;
  std::int64_t height = 1;
  std::int64_t width = 1;
  std::int64_t channels = 1;
  std::int64_t window_height = 1;
  std::int64_t window_width = 1;
  std::int64_t stride_height = 1;
  std::int64_t stride_width = 1;
  std::int64_t pad_top = 0;
  std::int64_t pad_bottom = 0;
  std::int64_t pad_left = 0;
  std::int64_t pad_right = 0;
  /// How many windows there are is the caller's to say: what the stride leaves over may have one.
  std::int64_t out_height = 1;
  std::int64_t out_width = 1;
  /// Of a mean: whether padding counts in the number that sums are divided by. What a window has
  /// beyond the padding never counts.
  bool count_padding = true;
  std::int64_t x_pitch = 0;
  std::int64_t out_pitch = 0;
};

/// Throws std::invalid_argument for a shape that cannot be. Every window must see a pixel of the
/// image.
void check_pool(const PoolShape& shape);

/// `kind` is "max" or "average". Every window must see a pixel of the image.
std::unique_ptr<Operator> make_pool(const std::string& kind, const PoolShape& shape,
                                    const RunOptions& options);

/// (N, H, W, C) to (N, 1, 1, C): the maximum or mean of each channel.
std::unique_ptr<Operator> make_global_pool(const std::string& kind, const Shape& input,
                                           std::int64_t x_pitch, std::int64_t out_pitch,
                                           const RunOptions& options);

}  // namespace dnnaccel::kernels
