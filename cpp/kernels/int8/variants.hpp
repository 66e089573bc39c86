#pragma once

#include "kernels/int8/tile.hpp"

// One for each instruction set, each in a file compiled for it; kernels/variants.cpp has the table.
namespace dnnaccel::kernels {

extern const Int8Set kPortableInt8;
extern const Int8Set kAvx2Int8;
extern const Int8Set kAvx512Int8;
extern const Int8Set kAvx512VnniInt8;
extern const Int8Set kNeonInt8;

}  // namespace dnnaccel::kernels
