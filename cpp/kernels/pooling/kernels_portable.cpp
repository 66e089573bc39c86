#include "kernels/pooling/body.hpp"

namespace dnnaccel::kernels {

const PoolingKernels kPortablePooling = pooling_kernels<4>();

}  // namespace dnnaccel::kernels
