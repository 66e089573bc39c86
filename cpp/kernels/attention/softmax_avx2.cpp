#include "kernels/attention/softmax_body.hpp"

namespace dnnaccel::kernels {

const SoftmaxKernels kAvx2Softmax = softmax_kernels<8>();

}  // namespace dnnaccel::kernels
