#include <algorithm>

#include "kernels/conv/plan.hpp"

namespace dnnaccel::kernels {

/// That of the widest panel and the largest block; the last of each may be smaller.
Blocking ConvPlan::blocking() const {
  if (rows_) return rows_->blocking();
  const Panel& panel =
      *std::max_element(panels_.begin(), panels_.end(),
                        [](const Panel& a, const Panel& b) { return a.width < b.width; });
  Blocking blocking{
      .channels = panel.width, .rows = choose_pass(panel), .tile = panel.kernels.rows};
  for (const Block& block : windows_.blocks) {
    std::int64_t pixels = 0;
    for (std::int32_t s = 0; s < block.segments; ++s)
      pixels += windows_.segments[static_cast<std::size_t>(block.first_segment + s)].pixels;
    blocking.pixels = std::max(blocking.pixels, pixels);
  }
  return blocking;
}

}  // namespace dnnaccel::kernels
