#include "kernels/conv/rows_body.hpp"

namespace dnnaccel::kernels {

// Of 32 registers 8 hold sums, up to 7 a row of weights and one an input.
const RowKernels kNeonRows = row_kernels<4, 8>();

}  // namespace dnnaccel::kernels
