#pragma once

#include <cstdint>

// The contract of the kernels for attention's softmax, of which each row may come in several parts.
// Files compiled for one instruction set include this.
namespace dnnaccel::kernels {

/// A row of scores, which become weights, and what is known of it so far. With s(i) = scores(i) +
/// mask(i) for i of 0 ... count - 1 and `peak` the largest of all scores seen:
///
///     weights(i) = exp(s(i) - peak), and 0 for i of count ... filled - 1
///     kept = exp(peak before - peak)
///     sum = sum before * kept + sum of the weights
///
/// Scores are read and weights are written in whole vectors, so the row has room for them; what the
/// mask has behind `count` is not read. A row that has seen nothing but -infinity has weights of 0; one with a NaN has a sum of NaN.
struct SoftmaxRow {
  float* scores;
  const float* mask;  // or null
  std::int64_t count;
  std::int64_t filled;
  float peak;  // -infinity at first
  float sum;   // 0 at first
  float kept;
};

struct SoftmaxKernels {
  void (*exponentials)(SoftmaxRow&) noexcept;
  /// to(i) = from(i) * factor; `to` may be `from`.
  void (*scale)(const float* from, float* to, std::int64_t count, float factor) noexcept;
};

extern const SoftmaxKernels kPortableSoftmax;
extern const SoftmaxKernels kAvx2Softmax;
extern const SoftmaxKernels kAvx512Softmax;
extern const SoftmaxKernels kNeonSoftmax;

}  // namespace dnnaccel::kernels
