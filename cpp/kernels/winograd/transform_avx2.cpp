#include "kernels/winograd/transform_body.hpp"
#include "kernels/winograd/variants.hpp"

namespace dnnaccel::kernels {

const WinogradKernels kAvx2Winograd = winograd_kernels<8>();

}  // namespace dnnaccel::kernels
