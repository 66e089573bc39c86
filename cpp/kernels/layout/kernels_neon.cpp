#include "kernels/layout/body.hpp"

namespace dnnaccel::kernels {

const LayoutKernels kNeonLayout = layout_kernels<4>();

}  // namespace dnnaccel::kernels
