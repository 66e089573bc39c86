#include "kernels/attention/softmax_body.hpp"

namespace dnnaccel::kernels {

const SoftmaxKernels kAvx512Softmax = softmax_kernels<16>();

}  // namespace dnnaccel::kernels
