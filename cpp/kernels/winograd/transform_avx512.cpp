#include "kernels/winograd/transform_body.hpp"
#include "kernels/winograd/variants.hpp"

namespace dnnaccel::kernels {

const WinogradKernels kAvx512Winograd = winograd_kernels<16>();

}  // namespace dnnaccel::kernels
