#include "kernels/gemm/gemv_body.hpp"

namespace dnnaccel::kernels {

// 32 registers of 16 values: at most 24 hold sums.
const GemvKernels kAvx512Gemv = gemv_kernels<16, 8, 8, 8, 6>();

}  // namespace dnnaccel::kernels
