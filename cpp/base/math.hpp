#pragma once

#include <algorithm>
#include <cstdint>
#include <vector>

namespace dnnaccel::base {

/// Smallest integer not below a / b, for a >= 0 and b > 0.
constexpr std::int64_t ceil_div(std::int64_t a, std::int64_t b) { return (a + b - 1) / b; }

/// Size of chunk k when an extent is cut into chunks of `tile`; 0 past the end.
constexpr std::int64_t chunk(std::int64_t extent, std::int64_t tile, std::int64_t k) {
  return std::clamp<std::int64_t>(extent - k * tile, 0, tile);
}

/// Chunk sizes worth trying for an extent: one per distinct number of chunks, ascending, the extent
/// itself included. They contain every divisor, and number at most 2 sqrt(extent).
std::vector<std::int64_t> distinct_tiles(std::int64_t extent);

}  // namespace dnnaccel::base
