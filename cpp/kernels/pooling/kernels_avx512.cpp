#include "kernels/pooling/body.hpp"

namespace dnnaccel::kernels {

const PoolingKernels kAvx512Pooling = pooling_kernels<16>();

}  // namespace dnnaccel::kernels
