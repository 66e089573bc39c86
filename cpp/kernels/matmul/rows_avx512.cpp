#include "kernels/matmul/rows_body.hpp"

namespace dnnaccel::kernels {

const MatmulKernels kAvx512Matmul = matmul_kernels<16>();

}  // namespace dnnaccel::kernels
