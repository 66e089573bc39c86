#include "kernels/layout/body.hpp"

namespace dnnaccel::kernels {

const LayoutKernels kAvx2Layout = layout_kernels<8>();

}  // namespace dnnaccel::kernels
