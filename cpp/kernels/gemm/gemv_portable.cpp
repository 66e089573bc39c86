#include "kernels/gemm/gemv_body.hpp"

namespace dnnaccel::kernels {

// Vectors of 4; of 16 registers at most 10 hold sums.
const GemvKernels kPortableGemv = gemv_kernels<4, 8, 5, 3, 2>();

}  // namespace dnnaccel::kernels
