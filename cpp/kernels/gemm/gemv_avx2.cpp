#include "kernels/gemm/gemv_body.hpp"

namespace dnnaccel::kernels {

// 16 registers of 8 values: at most 12 hold sums.
const GemvKernels kAvx2Gemv = gemv_kernels<8, 8, 6, 4, 3>();

}  // namespace dnnaccel::kernels
