#pragma once

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
/// last filled up to whole vectors if `fill`. Returns the first channel that is in none.
std::int64_t add_panels(std::vector<Panel>& panels, const TileLevel& level, std::int64_t first,
                        std::int64_t count, bool fill);

/// Lay out each panel's bias and rows. `weights` are [output channel][depth][tap]; the row of tap t
/// and input channel d is t * depth + d. No `bias` is one of zeros.
AlignedFloats pack(std::vector<Panel>& panels, const float* weights, std::int64_t depth,
                   std::int64_t taps, const float* bias);

}  // namespace dnnaccel::kernels
