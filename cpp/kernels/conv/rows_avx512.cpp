#include "kernels/conv/rows_body.hpp"

namespace dnnaccel::kernels {

// Of 32 registers 8 hold sums, up to 7 a row of weights and one an input.
const RowKernels kAvx512Rows = row_kernels<16, 12>();

}  // namespace dnnaccel::kernels
