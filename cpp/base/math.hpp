#pragma once

#include <algorithm>
#include <cstdint>

namespace dnnaccel::base {

/// Smallest integer not below a / b, for a >= 0 and b > 0.
constexpr std::int64_t ceil_div(std::int64_t a, std::int64_t b) { return (a + b - 1) / b; }

/// Size of chunk k when an extent is cut into chunks of `tile`; 0 past the end.
constexpr std::int64_t chunk(std::int64_t extent, std::int64_t tile, std::int64_t k) {
  return std::clamp<std::int64_t>(extent - k * tile, 0, tile);
}

}  // namespace dnnaccel::base
