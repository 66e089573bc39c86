#pragma once

#include <cstdint>
#include <limits>

#include "kernels/attention/operator.hpp"

// What the two ways to compute attention share. For operator.cpp and rows.cpp alone.
namespace dnnaccel::kernels {

inline constexpr std::int64_t kQueryBlock = 48;
/// So few queries are multiplied with keys and values as they lie: packing would take longer.
inline constexpr std::int64_t kFewQueries = 3;
inline constexpr std::int64_t kLine = 16;  // values in a cache line
/// The peak of scores before any is seen.
inline constexpr float kNothingSeen = -std::numeric_limits<float>::infinity();

struct AttentionOperator::Job {
  const float* queries;
  const float* keys;
  const float* values;
  const float* mask;
  const std::int32_t* lengths;
  float* out;
};

}  // namespace dnnaccel::kernels
