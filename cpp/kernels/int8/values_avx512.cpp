#include "kernels/int8/values_body.hpp"

namespace dnnaccel::kernels {

const Int8Values kAvx512Int8Values = int8_values<16>();

}  // namespace dnnaccel::kernels
