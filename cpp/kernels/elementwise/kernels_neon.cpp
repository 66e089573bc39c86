#include "kernels/elementwise/body.hpp"

namespace dnnaccel::kernels {

const ElementwiseKernels kNeonElementwise = elementwise_kernels<4>();

}  // namespace dnnaccel::kernels
