#pragma once

#include <cstdint>

// The contract of the kernels that normalise vectors of values, and the tables of them: one for
// each instruction set, each in a file compiled for it. Outputs may be the inputs themselves.
namespace dnnaccel::kernels {

/// `rows` of `width` values, each normalised by itself.
struct LayerNormArgs {
  const float* input;
  const float* residual;  // added first; or null
  float* output;
  std::int64_t rows;
  std::int64_t width;
  const float* scale;
  const float* shift;
  float epsilon;
};

/// `count` times `axis` values, `inner` values apart, for each of `inner`.
struct SoftmaxArgs {
  const float* input;
  float* output;
  std::int64_t count;
  std::int64_t axis;
  std::int64_t inner;
};

/// y(c) = x(c) / (k + alpha / size * sum over the window of c of x^2)^beta. The window reaches
/// `before` channels before c and `after` behind it, as far as there are channels.
struct LrnArgs {
  const float* input;
  float* output;
  std::int64_t pixels;
  std::int64_t channels;
  std::int64_t before;
  std::int64_t after;
  float share;  // alpha / size
  float beta;
  float k;
  float* squares;  // to work in: before + channels + after values and a vector
};

struct NormalizationKernels {
  void (*layer_norm)(const LayerNormArgs&) noexcept;
  void (*softmax_rows)(const SoftmaxArgs&) noexcept;     // inner is 1
  void (*softmax_columns)(const SoftmaxArgs&) noexcept;  // for any inner
  void (*lrn)(const LrnArgs&) noexcept;
};

/// More lanes than any vector has: what buffers are filled up by.
inline constexpr std::int64_t kMostLanes = 16;

extern const NormalizationKernels kPortableNormalization;
extern const NormalizationKernels kAvx2Normalization;
extern const NormalizationKernels kAvx512Normalization;
extern const NormalizationKernels kNeonNormalization;

}  // namespace dnnaccel::kernels
