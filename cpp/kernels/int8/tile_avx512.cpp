#include "kernels/int8/madd.hpp"
#include "kernels/int8/variants.hpp"

namespace dnnaccel::kernels {

// 32 registers: of a tile of 6 pixels by 3 vectors, 18 hold sums, 6 the even and odd weights, 2 the
// even and odd inputs.
const Int8Set kAvx512Int8 = int8_set<MaddDot, 16, Int8Rows{12, 8, 6, 0}, Int8Rows{14, 8, 6, 0}>();

}  // namespace dnnaccel::kernels
