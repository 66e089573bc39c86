#include "kernels/elementwise/body.hpp"

namespace dnnaccel::kernels {

const ElementwiseKernels kAvx2Elementwise = elementwise_kernels<8>();

}  // namespace dnnaccel::kernels
