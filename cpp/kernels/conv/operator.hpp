#pragma once

#include "kernels/conv/plan.hpp"
#include "kernels/operator.hpp"

namespace dnnaccel::kernels {

/// A convolution, of inputs x and, if given, a residual of the outputs' shape.
class ConvOperator final : public Operator {
 public:
  /// `input` and `output` are the shapes as the caller has them. Throws as ConvPlan does.
  ConvOperator(Shape input, Shape output, const ConvShape& shape, const float* weights,
               const float* bias, const ConvOptions& options);

  void run(const void* const* inputs, void* const* outputs, void* scratch) const noexcept override;

 private:
  ConvPlan plan_;
};

}  // namespace dnnaccel::kernels
