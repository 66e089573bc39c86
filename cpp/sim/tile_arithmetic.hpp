#pragma once

#include <cstdint>

namespace dnnaccel::sim::tiles {

/// Integers wrap around, as hardware does: sums that are right in the end are right however they
/// are split on the way.
inline std::int32_t plus(std::int32_t a, std::int32_t b) {
  return static_cast<std::int32_t>(static_cast<std::uint32_t>(a) + static_cast<std::uint32_t>(b));
}
inline std::int32_t times(std::int32_t a, std::int32_t b) {
  return static_cast<std::int32_t>(static_cast<std::uint32_t>(a) * static_cast<std::uint32_t>(b));
}
inline float plus(float a, float b) { return a + b; }
inline float times(float a, float b) { return a * b; }

}  // namespace dnnaccel::sim::tiles
