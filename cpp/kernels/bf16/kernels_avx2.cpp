#include "kernels/bf16/body.hpp"

namespace dnnaccel::kernels {

const Bf16Kernels kAvx2Bf16 = bf16_kernels<TwoFloats, 8, Int8Rows{6, 4, 0, 0}>();

}  // namespace dnnaccel::kernels
