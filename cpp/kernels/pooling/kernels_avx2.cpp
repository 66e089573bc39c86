#include "kernels/pooling/body.hpp"

namespace dnnaccel::kernels {

const PoolingKernels kAvx2Pooling = pooling_kernels<8>();

}  // namespace dnnaccel::kernels
