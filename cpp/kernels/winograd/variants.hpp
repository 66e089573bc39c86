#pragma once

#include "kernels/winograd/transform.hpp"

// One for each instruction set, each in a file compiled for it; kernels/variants.cpp has the table.
namespace dnnaccel::kernels {

extern const WinogradKernels kPortableWinograd;
extern const WinogradKernels kAvx2Winograd;
extern const WinogradKernels kAvx512Winograd;
extern const WinogradKernels kNeonWinograd;

}  // namespace dnnaccel::kernels
