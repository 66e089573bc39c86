#include "kernels/normalization/body.hpp"

namespace dnnaccel::kernels {

const NormalizationKernels kAvx512Normalization = normalization_kernels<16>();

}  // namespace dnnaccel::kernels
