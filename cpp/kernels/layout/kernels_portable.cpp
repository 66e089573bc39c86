#include "kernels/layout/body.hpp"

namespace dnnaccel::kernels {

const LayoutKernels kPortableLayout = layout_kernels<4>();

}  // namespace dnnaccel::kernels
