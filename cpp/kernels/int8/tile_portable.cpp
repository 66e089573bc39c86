#if defined(__SSE2__)
#include "kernels/int8/madd.hpp"
#else
#include "kernels/int8/tile_body.hpp"
#endif
#include "kernels/int8/variants.hpp"

namespace dnnaccel::kernels {

namespace {

#if defined(__SSE2__)  // every 64-bit x86 has it
using PortableDot = MaddDot;
#else
using PortableDot = OneByOne;
#endif

}  // namespace

const Int8Set kPortableInt8 =
    int8_set<PortableDot, 4, Int8Rows{6, 4, 0, 0}, Int8Rows{8, 4, 0, 0}>();

}  // namespace dnnaccel::kernels
