#pragma once

#include <cstdint>
#include <vector>

#include "kernels/conv/plan.hpp"
#include "kernels/gemm/gemv.hpp"
#include "kernels/gemm/pack.hpp"
#include "kernels/operator.hpp"

namespace dnnaccel::kernels {

/// A product of a few rows with a matrix, of inputs x and, if given, a residual of the outputs'
/// shape. Every weight is used once or a few times, so the kernels are those that keep the memory
/// busy. A product of more rows is a convolution with kernels of one pixel.
class LinearOperator final : public Operator {
 public:
  /// Whether there are kernels for so many rows and what the options ask for.
  static bool takes(std::int64_t rows, const ConvOptions& options) {
    return rows >= 1 && rows <= kGemvRows && options.activation.empty();
  }

  /// `shape` is one that check() accepts, of `width` rows, for which takes(). `weights` are
  /// [outputs][channels], `bias` is one value for each output or null. Throws as ConvPlan does.
  LinearOperator(Shape input, Shape output, const ConvShape& shape, const float* weights,
                 const float* bias, const ConvOptions& options);

  void run(const void* const* inputs, void* const* outputs, void* scratch) const noexcept override;

 private:
  std::int64_t rows_;
  std::int64_t depth_;
  std::int64_t input_step_;
  std::int64_t output_step_;
  unsigned threads_;
  float low_;
  float high_;
  std::vector<Panel> panels_;
  std::vector<Gemv> kernels_;  // of each panel
  AlignedFloats weights_;
};

}  // namespace dnnaccel::kernels
