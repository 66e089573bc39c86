#include "kernels/normalization/body.hpp"

namespace dnnaccel::kernels {

const NormalizationKernels kNeonNormalization = normalization_kernels<4>();

}  // namespace dnnaccel::kernels
