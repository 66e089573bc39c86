#include "kernels/layout/body.hpp"

namespace dnnaccel::kernels {

const LayoutKernels kAvx512Layout = layout_kernels<16>();

}  // namespace dnnaccel::kernels
