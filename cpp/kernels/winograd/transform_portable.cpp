#include "kernels/winograd/transform_body.hpp"
#include "kernels/winograd/variants.hpp"

namespace dnnaccel::kernels {

const WinogradKernels kPortableWinograd = winograd_kernels<4>();

}  // namespace dnnaccel::kernels
