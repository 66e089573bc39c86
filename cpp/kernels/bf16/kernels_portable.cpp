#include "kernels/bf16/body.hpp"

namespace dnnaccel::kernels {

const Bf16Kernels kPortableBf16 = bf16_kernels<TwoFloats, 4, Int8Rows{6, 3, 0, 0}>();

}  // namespace dnnaccel::kernels
