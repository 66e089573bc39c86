#include "base/math.hpp"

namespace dnnaccel::base {

std::vector<std::int64_t> distinct_tiles(std::int64_t extent) {
  std::vector<std::int64_t> tiles;
  std::int64_t chunks = extent;
  while (true) {
    const std::int64_t tile = ceil_div(extent, chunks);
    tiles.push_back(tile);
    if (tile == extent) return tiles;
    // Fewest chunks that `tile` gives, less one: the next larger tile.
    chunks = ceil_div(extent, tile) - 1;
  }
}

}  // namespace dnnaccel::base
