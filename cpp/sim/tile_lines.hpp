#pragma once

#include <cstdint>
#include <vector>

#include "sim/tile_arithmetic.hpp"
#include "sim/tile_sets.hpp"

namespace dnnaccel::sim::tiles {

/// Where the words of one axis stand along the innermost dim of a block, for one index of the
/// axis' other dim, if it has two: from `begin` to before `end` they are there, and outside is
/// padding.
struct Line {
  std::int64_t begin = 0;
  std::int64_t end = 0;
  Place start = 0;  ///< place at `begin`
  Place step = 0;   ///< from there to the next, if `even`
  bool even = true;
};

/// Where the words stand that the iterations of a unit touch along one axis, within the tile of the
/// keeper that compute takes them from.
class AxisPlaces {
 public:
  /// `p`, `r`: indices of the axis' first dim and of its second one (one 0 if it has none). Throws
  /// std::logic_error if a word that is in the tensor is not in the keeper's tile.
  void find(const problem::Axis& axis, const std::vector<std::int64_t>& p,
            const std::vector<std::int64_t>& r, const AxisSet& keeper);
  /// Lay out lines along the first or the second dim.
  void lay_lines(bool along_r);

  [[nodiscard]] Place place(std::size_t p, std::size_t r) const {
    return places_[p * r_count_ + r];
  }
  /// Of the first index of both dims; nowhere if there is none.
  [[nodiscard]] Place first() const { return places_.empty() ? kNowhere : places_.front(); }
  /// Without padding, over all pairs of indices.
  [[nodiscard]] std::uint64_t words() const { return words_; }
  [[nodiscard]] const Line& line(std::size_t other) const { return lines_[other]; }
  /// The places of a line, which stand `line_step()` apart.
  [[nodiscard]] const Place* line_places(std::size_t other) const {
    return places_.data() + (along_r_ ? other * r_count_ : other);
  }
  [[nodiscard]] std::size_t line_step() const { return along_r_ ? 1 : r_count_; }

 private:
  std::vector<Place> places_;
  std::size_t r_count_ = 1;
  std::uint64_t words_ = 0;
  bool along_r_ = false;
  std::vector<Line> lines_;
};

/// out[k * o] += in[k * i] * weights[k * w] for k in 0..n.
template <typename T>
void multiply(std::int64_t n, T* out, std::int64_t o, const T* in, std::int64_t i, const T* weights,
              std::int64_t w) {
  if (o == 0) {
    T sum = *out;
    for (std::int64_t k = 0; k < n; ++k) sum = plus(sum, times(in[k * i], weights[k * w]));
    *out = sum;
  } else if (o == 1 && i == 0 && w == 1) {
    const T value = *in;
    for (std::int64_t k = 0; k < n; ++k) out[k] = plus(out[k], times(value, weights[k]));
  } else if (o == 1 && i == 1 && w == 0) {
    const T weight = *weights;
    for (std::int64_t k = 0; k < n; ++k) out[k] = plus(out[k], times(in[k], weight));
  } else {
    for (std::int64_t k = 0; k < n; ++k) {
      out[k * o] = plus(out[k * o], times(in[k * i], weights[k * w]));
    }
  }
}

}  // namespace dnnaccel::sim::tiles
