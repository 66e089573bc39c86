#include "kernels/elementwise/body.hpp"

namespace dnnaccel::kernels {

const ElementwiseKernels kAvx512Elementwise = elementwise_kernels<16>();

}  // namespace dnnaccel::kernels
