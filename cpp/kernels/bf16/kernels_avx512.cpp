#include "kernels/bf16/body.hpp"

namespace dnnaccel::kernels {

const Bf16Kernels kAvx512Bf16 = bf16_kernels<TwoFloats, 16, Int8Rows{12, 8, 6, 0}>();

}  // namespace dnnaccel::kernels
