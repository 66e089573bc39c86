#pragma once

#include "kernels/attention/softmax.hpp"
#include "kernels/vector_math.hpp"
#include "kernels/vector_parts.hpp"
#include "kernels/vectors.hpp"

// The kernels of kernels/attention/softmax.hpp: one body for every instruction set. A file that
// includes it is compiled for one instruction set and calls nothing of the standard library.
namespace dnnaccel::kernels {

namespace {

constexpr float kNothing = -__builtin_huge_valf();

template <int kLanes>
using FloatsOf = typename Vectors<kLanes>::Floats;

/// The first `count` values, and -infinity.
template <int kLanes>
inline FloatsOf<kLanes> only_first(FloatsOf<kLanes> values, std::int64_t count) {
  using Ints = typename VectorMath<kLanes>::Ints;
  constexpr int kNumbers[] = {0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15};
  Ints numbers;
  __builtin_memcpy(&numbers, kNumbers, sizeof numbers);
  return numbers < static_cast<int>(count) - Ints{} ? values : kNothing - FloatsOf<kLanes>{};
}

/// Of two values, the larger; the second if either is NaN.
template <int kLanes>
inline FloatsOf<kLanes> larger(FloatsOf<kLanes> a, FloatsOf<kLanes> b) {
  return a > b ? a : b;
}

/// Add the mask if there is one; return the largest score, or -infinity.
template <int kLanes>
inline float find_peak(const SoftmaxRow& row) {
  using V = Vectors<kLanes>;
  constexpr int kChains = 4;
  FloatsOf<kLanes> peaks[kChains];
#pragma GCC unroll 16
  for (int j = 0; j < kChains; ++j) peaks[j] = kNothing - FloatsOf<kLanes>{};
  std::int64_t i = 0;
  for (; row.mask == nullptr && row.count - i >= kChains * kLanes; i += kChains * kLanes) {
#pragma GCC unroll 16
    for (int j = 0; j < kChains; ++j)
      peaks[j] = larger<kLanes>(V::load(row.scores + i + j * kLanes), peaks[j]);
  }
  for (; row.count - i >= kLanes; i += kLanes) {
    FloatsOf<kLanes> values = V::load(row.scores + i);
    if (row.mask != nullptr) {
      values += V::load(row.mask + i);
      V::store(row.scores + i, values);
    }
    peaks[0] = larger<kLanes>(values, peaks[0]);
  }
  if (const std::int64_t rest = row.count - i; rest > 0) {
    FloatsOf<kLanes> values = V::load(row.scores + i);
    if (row.mask != nullptr) {
      values += load_part<kLanes>(row.mask + i, rest);
      V::store(row.scores + i, values);
    }
    peaks[0] = larger<kLanes>(only_first<kLanes>(values, rest), peaks[0]);
  }
  peaks[0] = larger<kLanes>(larger<kLanes>(peaks[0], peaks[1]), larger<kLanes>(peaks[2], peaks[3]));
  float peak = kNothing;
#pragma GCC unroll 16
  for (int l = 0; l < kLanes; ++l) peak = peaks[0][l] > peak ? peaks[0][l] : peak;
  return peak;
}

template <int kLanes>
void exponentials(SoftmaxRow& row) noexcept {
  using V = Vectors<kLanes>;
  using Math = VectorMath<kLanes>;
  const float found = find_peak<kLanes>(row);
  const float peak = found > row.peak ? found : row.peak;
  // With nothing but -infinity so far: exp(-infinity - 0) is 0.
  const float base = peak == kNothing ? 0.0F : peak;
  FloatsOf<kLanes> sums[2] = {};
  std::int64_t i = 0;
  for (; row.count - i >= 2 * kLanes; i += 2 * kLanes) {
#pragma GCC unroll 16
    for (int j = 0; j < 2; ++j) {
      float* const at = row.scores + i + j * kLanes;
      const FloatsOf<kLanes> weights = Math::exp(V::load(at) - base);
      sums[j] += weights;
      V::store(at, weights);
    }
  }
  for (; i < row.count; i += kLanes) {
    const FloatsOf<kLanes> scores = only_first<kLanes>(V::load(row.scores + i), row.count - i);
    const FloatsOf<kLanes> weights = Math::exp(scores - base);
    sums[0] += weights;
    V::store(row.scores + i, weights);
  }
  for (; i < row.filled; i += kLanes) V::store(row.scores + i, FloatsOf<kLanes>{});
  sums[0] += sums[1];
  float sum = 0;
#pragma GCC unroll 16
  for (int l = 0; l < kLanes; ++l) sum += sums[0][l];
  row.kept = Math::exp(row.peak - base - FloatsOf<kLanes>{})[0];
  row.sum = row.sum * row.kept + sum;
  row.peak = peak;
}

template <int kLanes>
void scale(const float* from, float* to, std::int64_t count, float factor) noexcept {
  using V = Vectors<kLanes>;
  std::int64_t i = 0;
  for (; count - i >= kLanes; i += kLanes) V::store(to + i, V::load(from + i) * factor);
  for (; i < count; ++i) to[i] = from[i] * factor;
}

template <int kLanes>
constexpr SoftmaxKernels softmax_kernels() {
  return {.exponentials = &exponentials<kLanes>, .scale = &scale<kLanes>};
}

}  // namespace

}  // namespace dnnaccel::kernels
