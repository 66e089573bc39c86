#include "kernels/gemm/gemv_body.hpp"

namespace dnnaccel::kernels {

// 32 registers of 4 values: at most 24 hold sums.
const GemvKernels kNeonGemv = gemv_kernels<4, 8, 8, 8, 6>();

}  // namespace dnnaccel::kernels
