#pragma once

#include <string_view>

#include "kernels/int8/epilogue.hpp"
#include "kernels/int8/product.hpp"
#include "kernels/operator.hpp"

namespace dnnaccel::kernels {

struct ConvInt8Options {
  Quantisation input;
  const float* multipliers = nullptr;  // one for each output channel; not of int32 outputs
  Int8Epilogue epilogue;
  unsigned threads = 1;       // 0: as many as num_threads() says
  std::string_view isa = {};  // "" for the best that the processor can run
};

/// A convolution of 8-bit images in NHWC order, of inputs x and, if `epilogue.residual` is given, a
/// residual of the outputs' shape.
class ConvInt8Operator final : public Operator {
 public:
  /// `input` and `output` are the shapes as the caller has them. Throws std::invalid_argument for
  /// what cannot be: also if a sum could leave 32 bits.
  ConvInt8Operator(Shape input, Shape output, const ConvShape& shape, const std::int8_t* weights,
                   const std::int32_t* bias, const ConvInt8Options& options);

  void run(const void* const* inputs, void* const* outputs, void* scratch) const noexcept override;

 private:
  ByteProduct product_;
  Int8Tile tile_{};  // what all tiles have in common
};

}  // namespace dnnaccel::kernels
