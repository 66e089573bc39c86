#include "kernels/normalization/body.hpp"

namespace dnnaccel::kernels {

const NormalizationKernels kPortableNormalization = normalization_kernels<4>();

}  // namespace dnnaccel::kernels
