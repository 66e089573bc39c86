#include "kernels/int8/madd.hpp"
#include "kernels/int8/variants.hpp"

namespace dnnaccel::kernels {

// 16 registers: of a tile of 4 pixels by 2 vectors, 8 hold sums, 4 the even and odd weights, 2 the
// even and odd inputs.
const Int8Set kAvx2Int8 = int8_set<MaddDot, 8, Int8Rows{8, 4, 0, 0}, Int8Rows{8, 5, 0, 0}>();

}  // namespace dnnaccel::kernels
