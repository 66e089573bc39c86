#include "kernels/matmul/rows_body.hpp"

namespace dnnaccel::kernels {

const MatmulKernels kAvx2Matmul = matmul_kernels<8>();

}  // namespace dnnaccel::kernels
