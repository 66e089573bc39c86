#pragma once

#include <cstdint>

// The contract of the kernels that compute one value from those at the same place, and the tables
// of them: one for each instruction set, each in a file compiled for it.
namespace dnnaccel::kernels {

/// `rows` of `width` values. Inputs and the output may be the same memory if their pitches agree.
struct ElementwiseArgs {
  const float* const* inputs;
  std::int64_t input_offset;  // added to each of them
  int count;                  // of inputs; 1 but for sums and products
  float* output;
  std::int64_t rows;
  std::int64_t width;
  std::int64_t x_pitch;
  std::int64_t out_pitch;
  const float* scale;  // affine: one value for each of a row's
  const float* shift;
  float factor;  // scale
  float low;     // to clamp to, last of all; a NaN stays one
  float high;
};

using Elementwise = void (*)(const ElementwiseArgs&) noexcept;

struct ElementwiseKernels {
  Elementwise clamp;
  Elementwise sigmoid;
  Elementwise tanh;
  Elementwise gelu;       // x times the normal distribution's function
  Elementwise gelu_tanh;  // the same by tanh, as Hendrycks and Gimpel approximate it
  Elementwise scale;      // x * factor
  Elementwise affine;     // x * scale + shift
  Elementwise add;        // in the order of the inputs
  Elementwise multiply;
};

extern const ElementwiseKernels kPortableElementwise;
extern const ElementwiseKernels kAvx2Elementwise;
extern const ElementwiseKernels kAvx512Elementwise;
extern const ElementwiseKernels kNeonElementwise;

}  // namespace dnnaccel::kernels
