#pragma once

#include <cstdint>

// The contract of the kernels for attention's softmax, whose rows may come in several parts. Files
// compiled for one instruction set include this.
namespace dnnaccel::kernels {

/// What is known of a row of scores so far.
struct SoftmaxRow {
  std::int64_t count;  // scores in this part
  float peak;          // the largest of all that were seen; -infinity at first
  float sum;           // of the weights, relative to the peak; 0 at first
  float kept;          // what this part has made of the weights before it
};

/// A part of some rows of scores, which become weights. For row r, with s(i) = scores(r, i) +
/// mask(r, i) for i of 0 ... count - 1 and `peak` the largest of all scores that were seen:
///
///     weights(r, i) = exp(s(i) - peak), and 0 for i of count ... filled - 1
///     kept = exp(peak before - peak)
///     sum = sum before * kept + sum of the weights
///
/// A row that has seen nothing but -infinity has weights of 0; one with a NaN has a sum of NaN.
/// Scores are read and weights are written in whole vectors, so rows have room for them; what the
/// mask has behind `count` is not read.
struct SoftmaxPart {
  float* scores;
  std::int64_t pitch;
  const float* mask;  // or null
  std::int64_t mask_pitch;
  std::int64_t filled;
  SoftmaxRow* rows;
  std::int64_t row_count;
};

struct SoftmaxKernels {
  void (*exponentials)(const SoftmaxPart&) noexcept;
  /// to(i) = from(i) * factor; `to` may be `from`.
  void (*scale)(const float* from, float* to, std::int64_t count, float factor) noexcept;
};

extern const SoftmaxKernels kPortableSoftmax;
extern const SoftmaxKernels kAvx2Softmax;
extern const SoftmaxKernels kAvx512Softmax;
extern const SoftmaxKernels kNeonSoftmax;

}  // namespace dnnaccel::kernels
