#include "kernels/conv/rows_body.hpp"

namespace dnnaccel::kernels {

// 16 registers, as most processors have at least.
const RowKernels kPortableRows = row_kernels<4, 6>();

}  // namespace dnnaccel::kernels
