#include "kernels/conv/rows_body.hpp"

namespace dnnaccel::kernels {

// Of 16 registers 6 hold sums, up to 7 a row of weights and one an input.
const RowKernels kAvx2Rows = row_kernels<8, 6>();

}  // namespace dnnaccel::kernels
