#include "kernels/gemm/pack.hpp"

#include <algorithm>

namespace dnnaccel::kernels {

namespace {
constexpr std::int64_t kChannelsAtOnce = 32;
}

AlignedFloats pack(std::vector<Panel>& panels, const float* weights, std::int64_t depth,
                   std::int64_t taps, const float* bias) {
  const std::int64_t rows = depth * taps;
  std::size_t total = 0;
  for (Panel& panel : panels) {
    panel.bias = total;
    panel.weights = total + static_cast<std::size_t>(panel.row_length);
    // Each panel begins at a cache line.
    total += (static_cast<std::size_t>(panel.row_length * (rows + 1)) + 15) / 16 * 16;
  }
  AlignedFloats values(total);
  std::fill_n(values.data(), total, 0.0F);
  for (const Panel& panel : panels) {
    float* const packed_bias = values.data() + panel.bias;
    if (bias != nullptr) std::copy_n(bias + panel.first, panel.width, packed_bias);
    // Some input channels at a time, so that the lines written stay in the first cache until they
    // are full.
    for (std::int64_t begin = 0; begin < depth; begin += kChannelsAtOnce) {
      const std::int64_t end = std::min(begin + kChannelsAtOnce, depth);
      for (std::int64_t c = 0; c < panel.width; ++c) {
        const float* from = weights + (panel.first + c) * rows + begin * taps;
        float* const to = values.data() + panel.weights + c;
        for (std::int64_t d = begin; d < end; ++d) {
          for (std::int64_t t = 0; t < taps; ++t) to[(t * depth + d) * panel.row_length] = *from++;
        }
      }
    }
  }
  return values;
}

}  // namespace dnnaccel::kernels
