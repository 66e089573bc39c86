#include "kernels/matmul/rows_body.hpp"

namespace dnnaccel::kernels {

const MatmulKernels kPortableMatmul = matmul_kernels<4>();

}  // namespace dnnaccel::kernels
