#include "kernels/attention/softmax_body.hpp"

namespace dnnaccel::kernels {

const SoftmaxKernels kPortableSoftmax = softmax_kernels<4>();

}  // namespace dnnaccel::kernels
