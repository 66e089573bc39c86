#include "kernels/conv/shape.hpp"

#include <initializer_list>
#include <limits>
#include <stdexcept>
#include <string>

namespace dnnaccel::kernels {

namespace {

constexpr std::int64_t kLimit = std::numeric_limits<std::int32_t>::max();

[[noreturn]] void refuse(const std::string& why) {
  throw std::invalid_argument("convolution: " + why);
}

void check_range(const char* name, std::int64_t value, std::int64_t least) {
  if (value >= least && value <= kLimit) return;
  refuse(std::string(name) + " must be from " + std::to_string(least) + " to " +
         std::to_string(kLimit) + ", not " + std::to_string(value));
}

void check_product(const char* what, std::initializer_list<std::int64_t> factors) {
  std::int64_t product = 1;
  for (const std::int64_t factor : factors) {
    // Both are at most 2^31 and some, so that this cannot overflow.
    product *= factor;
    if (product > kLimit) refuse(std::string(what) + " must have fewer than 2^31 values");
  }
}

void check_pitch(const char* name, std::int64_t pitch, std::int64_t channels) {
  if (pitch == 0 || (pitch >= channels && pitch <= kLimit)) return;
  refuse(std::string(name) + " must be 0 or from " + std::to_string(channels) +
         ", the channels of a pixel, to " + std::to_string(kLimit) + ", not " +
         std::to_string(pitch));
}

void check_side(const char* name, std::int64_t padded, std::int64_t dilation, std::int64_t kernel) {
  const std::int64_t span = dilation * (kernel - 1) + 1;
  if (span > padded)
    refuse("the kernel's " + std::string(name) + " spans " + std::to_string(span) +
           " values, the image with its padding has " + std::to_string(padded) +
           ": there would be no output");
}

}  // namespace

void check(const ConvShape& s) {
  check_range("batch", s.batch, 0);
  check_range("height", s.height, 1);
  check_range("width", s.width, 1);
  check_range("channels", s.channels, 1);
  check_range("output channels", s.outputs, 1);
  check_range("kernel height", s.kernel_height, 1);
  check_range("kernel width", s.kernel_width, 1);
  check_range("stride", s.stride_height, 1);
  check_range("stride", s.stride_width, 1);
  check_range("dilation", s.dilation_height, 1);
  check_range("dilation", s.dilation_width, 1);
  check_range("groups", s.groups, 1);
  for (const std::int64_t pad : {s.pad_top, s.pad_bottom, s.pad_left, s.pad_right})
    check_range("padding", pad, 0);
  if (s.channels % s.groups != 0)
    refuse(std::to_string(s.channels) + " channels do not divide into " + std::to_string(s.groups) +
           " groups");
  if (s.outputs % s.groups != 0)
    refuse(std::to_string(s.outputs) + " output channels do not divide into " +
           std::to_string(s.groups) + " groups");
  const std::int64_t padded_height = s.height + s.pad_top + s.pad_bottom;
  const std::int64_t padded_width = s.width + s.pad_left + s.pad_right;
  check_side("height", padded_height, s.dilation_height, s.kernel_height);
  check_side("width", padded_width, s.dilation_width, s.kernel_width);
  check_pitch("x_pitch", s.x_pitch, s.channels);
  check_pitch("out_pitch", s.out_pitch, s.outputs);
  check_product("an image with its padding", {padded_height, padded_width, s.x_step()});
  check_product("an output image", {s.out_height(), s.out_width(), s.out_step()});
  // Rows of weights are filled up to whole vectors of at most 16.
  check_product("the weights",
                {s.outputs + 16 * s.groups, s.group_channels(), s.kernel_height, s.kernel_width});
}

}  // namespace dnnaccel::kernels
