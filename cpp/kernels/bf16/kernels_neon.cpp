#include "kernels/bf16/body.hpp"

namespace dnnaccel::kernels {

const Bf16Kernels kNeonBf16 = bf16_kernels<TwoFloats, 4, Int8Rows{12, 8, 6, 0}>();

}  // namespace dnnaccel::kernels
