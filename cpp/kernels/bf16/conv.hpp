#pragma once

#include <string_view>

#include "kernels/int8/product.hpp"
#include "kernels/operator.hpp"
#include "kernels/split.hpp"

namespace dnnaccel::kernels {

struct ConvBf16Options {
  unsigned threads = 1;       // 0: as many as num_threads() says
  std::string_view isa = {};  // "" for the best that the processor can run
  float low = -__builtin_inff();
  float high = __builtin_inff();
};

struct Bf16Kernels;

/// A convolution of float32 images in NHWC order, of which inputs and weights are rounded to
/// bfloat16 and products summed up in float32; and, if given, a residual of the outputs' shape.
class ConvBf16Operator final : public Operator {
 public:
  /// As ConvOperator. Throws std::invalid_argument for what cannot be.
  ConvBf16Operator(Shape input, Shape output, const ConvShape& shape, const float* weights,
                   const float* bias, const ConvBf16Options& options);

  void run(const void* const* inputs, void* const* outputs, void* scratch) const noexcept override;

 private:
  const Bf16Kernels* kernels_;
  ByteProduct product_;
  Int8Tile tile_{};  // what all tiles have in common
  std::int64_t pixels_;
  std::int64_t channels_;
  std::int64_t x_step_;
  Split split_;  // of the inputs, to be rounded: values of dense ones, else pixels
};

}  // namespace dnnaccel::kernels
