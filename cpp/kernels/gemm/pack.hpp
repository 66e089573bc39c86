#pragma once

#include <algorithm>
#include <cstdint>
#include <memory>
#include <vector>

#include "kernels/memory.hpp"
#include "kernels/tile.hpp"

// Weights in the order in which the kernels read them.
namespace dnnaccel::kernels {

/// Floats that begin at a cache line, many of them in huge pages. They are not set.
class AlignedFloats {
 public:
  AlignedFloats() = default;
  explicit AlignedFloats(std::size_t count)
      : data_(static_cast<float*>(allocate(count * sizeof(float))), {count * sizeof(float)}) {}
  float* data() const { return data_.get(); }

 private:
  struct Release {
    std::size_t bytes;
    void operator()(float* data) const { release(data, bytes); }
  };
  std::unique_ptr<float, Release> data_;
};

/// Output channels that one kernel computes together.
struct Panel {
  TileColumn kernels;
  std::int32_t first;       // output channel
  std::int32_t width;       // channels
  std::int32_t row_length;  // `width` filled up to whole vectors
  std::size_t weights;      // where its rows begin in what pack() returns
  std::size_t bias;
};

/// Channels `first` ... `first + count` - 1 in panels as wide as the kernels of `level` allow, the
/// last filled up to whole vectors if `fill`. Of any kind of values. Returns the first channel that
/// is in none.
template <class AnyPanel, class AnyLevel>
std::int64_t add_panels(std::vector<AnyPanel>& panels, const AnyLevel& level, std::int64_t first,
                        std::int64_t count, bool fill) {
  const std::int64_t end = first + count;
  while (first < end) {
    const std::int64_t left = end - first;
    std::int64_t vectors = fill ? (left + level.lanes - 1) / level.lanes : left / level.lanes;
    vectors = std::min(vectors, std::int64_t{kMaxVectors});
    while (vectors > 0 && level.columns[vectors - 1].rows == 0) --vectors;
    if (vectors == 0) break;
    const std::int64_t length = vectors * level.lanes;
    panels.push_back({.kernels = level.columns[vectors - 1],
                      .first = static_cast<std::int32_t>(first),
                      .width = static_cast<std::int32_t>(std::min(left, length)),
                      .row_length = static_cast<std::int32_t>(length)});
    first += panels.back().width;
  }
  return first;
}

/// Lay out each panel's bias and rows. `weights` are [output channel][depth][tap]; the row of tap t
/// and input channel d is t * depth + d. No `bias` is one of zeros.
AlignedFloats pack(std::vector<Panel>& panels, const float* weights, std::int64_t depth,
                   std::int64_t taps, const float* bias);

}  // namespace dnnaccel::kernels
