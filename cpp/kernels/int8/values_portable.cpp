#include "kernels/int8/values_body.hpp"

namespace dnnaccel::kernels {

const Int8Values kPortableInt8Values = int8_values<4>();

}  // namespace dnnaccel::kernels
