#pragma once

#include "kernels/attention/softmax.hpp"
#include "kernels/lane_moves.hpp"
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

/// Lane i is the largest of peaks[i]'s lanes.
template <int kLanes, int kFirst = 0, int kCount = kLanes>
inline FloatsOf<kLanes> largest_lanes(const FloatsOf<kLanes> (&peaks)[kLanes]) {
  if constexpr (kCount == 1) {
    return peaks[kFirst];
  } else {
    const auto a = largest_lanes<kLanes, kFirst, kCount / 2>(peaks);
    const auto b = largest_lanes<kLanes, kFirst + kCount / 2, kCount / 2>(peaks);
    return larger<kLanes>(LaneMoves<kLanes>::evens(a, b), LaneMoves<kLanes>::odds(a, b));
  }
}

/// Add the mask if there is one; return the largest scores, lane by lane.
template <int kLanes>
inline FloatsOf<kLanes> find_peaks(float* scores, const float* mask, std::int64_t count) {
  using V = Vectors<kLanes>;
  FloatsOf<kLanes> peaks = kNothing - FloatsOf<kLanes>{};
  FloatsOf<kLanes> others = peaks;
  std::int64_t i = 0;
  if (mask == nullptr) {
    for (; count - i >= 2 * kLanes; i += 2 * kLanes) {
      peaks = larger<kLanes>(V::load(scores + i), peaks);
      others = larger<kLanes>(V::load(scores + i + kLanes), others);
    }
  }
  for (; count - i >= kLanes; i += kLanes) {
    FloatsOf<kLanes> values = V::load(scores + i);
    if (mask != nullptr) {
      values += V::load(mask + i);
      V::store(scores + i, values);
    }
    peaks = larger<kLanes>(values, peaks);
  }
  if (const std::int64_t rest = count - i; rest > 0) {
    FloatsOf<kLanes> values = V::load(scores + i);
    if (mask != nullptr) {
      values += load_part<kLanes>(mask + i, rest);
      V::store(scores + i, values);
    }
    peaks = larger<kLanes>(only_first<kLanes>(values, rest), peaks);
  }
  return larger<kLanes>(peaks, others);
}

/// Make weights of a row's scores; return their sums, lane by lane.
template <int kLanes>
inline FloatsOf<kLanes> make_weights(float* scores, std::int64_t count, std::int64_t filled,
                                     float base) {
  using V = Vectors<kLanes>;
  using Math = VectorMath<kLanes>;
  FloatsOf<kLanes> sums[2] = {};
  std::int64_t i = 0;
  for (; count - i >= 2 * kLanes; i += 2 * kLanes) {
#pragma GCC unroll 16
    for (int j = 0; j < 2; ++j) {
      float* const at = scores + i + j * kLanes;
      const FloatsOf<kLanes> weights = Math::exp_negative(V::load(at) - base);
      sums[j] += weights;
      V::store(at, weights);
    }
  }
  for (; i < count; i += kLanes) {
    const FloatsOf<kLanes> values = only_first<kLanes>(V::load(scores + i), count - i);
    const FloatsOf<kLanes> weights = Math::exp_negative(values - base);
    sums[0] += weights;
    V::store(scores + i, weights);
  }
  for (; i < filled; i += kLanes) V::store(scores + i, FloatsOf<kLanes>{});
  return sums[0] + sums[1];
}

/// As many rows at a time as a vector has lanes: what is known of each is a lane.
template <int kLanes>
void exponentials(const SoftmaxPart& part) noexcept {
  using V = Vectors<kLanes>;
  for (std::int64_t first = 0; first < part.row_count; first += kLanes) {
    const std::int64_t left = part.row_count - first;
    const int rows = left < kLanes ? static_cast<int>(left) : kLanes;
    SoftmaxRow* const states = part.rows + first;
    float* const scores = part.scores + first * part.pitch;
    FloatsOf<kLanes> found[kLanes] = {};
    float before[kLanes] = {};
    for (int r = 0; r < rows; ++r) {
      const float* const mask =
          part.mask == nullptr ? nullptr : part.mask + (first + r) * part.mask_pitch;
      found[r] = find_peaks<kLanes>(scores + r * part.pitch, mask, states[r].count);
      before[r] = states[r].peak;
    }
    const FloatsOf<kLanes> old = V::load(before);
    const FloatsOf<kLanes> peaks = larger<kLanes>(largest_lanes<kLanes>(found), old);
    // With nothing but -infinity so far: exp(-infinity - 0) is 0.
    const FloatsOf<kLanes> bases =
        peaks == kNothing - FloatsOf<kLanes>{} ? FloatsOf<kLanes>{} : peaks;
    const FloatsOf<kLanes> kept = VectorMath<kLanes>::exp_negative(old - bases);
    for (int r = 0; r < rows; ++r)
      found[r] =
          make_weights<kLanes>(scores + r * part.pitch, states[r].count, part.filled, bases[r]);
    const FloatsOf<kLanes> sums = LaneMoves<kLanes>::add_lanes(found);
    for (int r = 0; r < rows; ++r) {
      states[r].peak = peaks[r];
      states[r].kept = kept[r];
      states[r].sum = states[r].sum * kept[r] + sums[r];
    }
  }
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
