#pragma once

#include <cstdint>

// The contract of the kernels for a few rows of inputs, whose time is that of the weights' way from
// memory. Nothing here needs the standard library, because files compiled for one instruction set
// include it.
namespace dnnaccel::kernels {

/// Some rows by one panel of outputs:
///
///     y(i, c) = clamp(bias(c) + sum over k in order of x(i, k) * weights(k, c) + r(i, c), low,
///     high)
///
/// The sum of an output is one chain, whatever the panel and the rows. A NaN stays one through the
/// clamp.
struct GemvArgs {
  const float* weights;  // [depth][vectors][lanes]
  const float* bias;     // [vectors][lanes]
  const float* input;
  const float* residual;  // laid out as the output, or null
  float* output;
  std::int64_t input_step;  // from row to row
  std::int64_t output_step;
  std::int64_t depth;
  std::int32_t width;  // outputs to store
  float low;
  float high;
};

using Gemv = void (*)(const GemvArgs&) noexcept;

inline constexpr int kGemvRows = 4;
inline constexpr int kGemvVectors = 8;

/// The kernels of one number of rows: `kernels[v - 1]` for a panel of v vectors.
struct GemvRow {
  const Gemv* kernels;
  int vectors;
};

/// All of one instruction set, by rows - 1.
struct GemvKernels {
  int lanes;
  GemvRow rows[kGemvRows];
};

extern const GemvKernels kPortableGemv;
extern const GemvKernels kAvx2Gemv;
extern const GemvKernels kAvx512Gemv;
extern const GemvKernels kNeonGemv;

}  // namespace dnnaccel::kernels
