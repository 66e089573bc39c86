#include "kernels/normalization/body.hpp"

namespace dnnaccel::kernels {

const NormalizationKernels kAvx2Normalization = normalization_kernels<8>();

}  // namespace dnnaccel::kernels
