#include "kernels/int8/values_body.hpp"

namespace dnnaccel::kernels {

const Int8Values kAvx2Int8Values = int8_values<8>();

}  // namespace dnnaccel::kernels
