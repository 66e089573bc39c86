#include "kernels/int8/values_body.hpp"

namespace dnnaccel::kernels {

const Int8Values kNeonInt8Values = int8_values<4>();

}  // namespace dnnaccel::kernels
