#include "kernels/elementwise/body.hpp"

namespace dnnaccel::kernels {

const ElementwiseKernels kPortableElementwise = elementwise_kernels<4>();

}  // namespace dnnaccel::kernels
