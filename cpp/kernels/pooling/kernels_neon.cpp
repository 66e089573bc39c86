#include "kernels/pooling/body.hpp"

namespace dnnaccel::kernels {

const PoolingKernels kNeonPooling = pooling_kernels<4>();

}  // namespace dnnaccel::kernels
