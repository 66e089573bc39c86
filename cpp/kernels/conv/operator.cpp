#include "kernels/conv/operator.hpp"

#include <utility>

namespace dnnaccel::kernels {

ConvOperator::ConvOperator(Shape input, Shape output, const ConvShape& shape, const float* weights,
                           const float* bias, const ConvOptions& options)
    : Operator({{.shape = std::move(input), .pitch = shape.x_pitch},
                {.shape = output, .pitch = shape.out_pitch, .optional = true, .in_place = true}},
               {{.shape = output, .pitch = shape.out_pitch}}),
      plan_(shape, weights, bias, options) {
  info_ = {.isa = plan_.isa(),
           .algorithm = plan_.algorithm(),
           .threads = plan_.threads(),
           .macs = plan_.macs(),
           .packed_bytes = plan_.packed_bytes(),
           .scratch_bytes = plan_.scratch_bytes(),
           .blocking = plan_.blocking()};
}

void ConvOperator::run(const void* const* inputs, void* const* outputs,
                       void* scratch) const noexcept {
  plan_.run(static_cast<const float*>(inputs[0]), static_cast<const float*>(inputs[1]),
            static_cast<float*>(outputs[0]), scratch);
}

}  // namespace dnnaccel::kernels
