#pragma once

#include <algorithm>
#include <cstdint>
#include <vector>

#include "base/math.hpp"
#include "sim/step_words.hpp"

/// What the tables of steps are made from: how loops cut one dim, and what an axis is at every
/// position.
namespace dnnaccel::sim::stepping {

/// Indices [first, first + size) of a dim.
struct Span {
  std::int64_t first = 0;
  std::int64_t size = 0;
};

inline Span intersect(Span a, Span b) {
  const std::int64_t first = std::max(a.first, b.first);
  const std::int64_t end = std::min(a.first + a.size, b.first + b.size);
  return {.first = first, .size = std::max<std::int64_t>(0, end - first)};
}

/// The loops of a nest that cut one dim, outermost first.
class Chain {
 public:
  Chain(const problem::Problem& problem, const mapping::Nest& nest, int dim, int above)
      : nest_(&nest), bound_(problem.bounds[static_cast<std::size_t>(dim)]) {
    for (int l = 0; l < above; ++l) {
      if (nest.loops[static_cast<std::size_t>(l)].dim == dim) loops_.push_back(l);
    }
  }

  [[nodiscard]] const std::vector<int>& loops() const { return loops_; }

  /// What is left when every loop stands where the digits say.
  [[nodiscard]] Span span(const Digits& digits) const {
    Span span{.first = 0, .size = bound_};
    for (int l : loops_) {
      const std::int64_t tile = nest_->loops[static_cast<std::size_t>(l)].tile;
      const std::int64_t k = digits[static_cast<std::size_t>(l)];
      span = {.first = span.first + k * tile, .size = base::chunk(span.size, tile, k)};
    }
    return span;
  }

  /// Set the temporal loops inside `stepping` that stand above `above` to where the instance of the
  /// digits' spatial loops worked last, given the loops outside.
  void rewind(int stepping, int above, Digits& digits) const {
    std::int64_t size = bound_;
    for (std::size_t i = 0; i < loops_.size() && loops_[i] < above; ++i) {
      const int l = loops_[i];
      const mapping::NestLoop& loop = nest_->loops[static_cast<std::size_t>(l)];
      if (!loop.spatial && l > stepping) {
        // The last chunk, or, where that is too short for this instance, the one before, which is
        // as full as any.
        std::int64_t k = base::ceil_div(size, loop.tile) - 1;
        if (k > 0 && !reaches(i + 1, above, base::chunk(size, loop.tile, k), digits)) --k;
        digits[static_cast<std::size_t>(l)] = std::max<std::int64_t>(k, 0);
      }
      size = base::chunk(size, loop.tile, digits[static_cast<std::size_t>(l)]);
    }
  }

 private:
  /// Whether the instance has something to do if so much is left at the i-th loop.
  [[nodiscard]] bool reaches(std::size_t i, int above, std::int64_t size,
                             const Digits& digits) const {
    for (; i < loops_.size() && loops_[i] < above; ++i) {
      const mapping::NestLoop& loop = nest_->loops[static_cast<std::size_t>(loops_[i])];
      size = base::chunk(size, loop.tile,
                         loop.spatial ? digits[static_cast<std::size_t>(loops_[i])] : 0);
    }
    return size > 0;
  }

  const mapping::Nest* nest_;
  std::int64_t bound_;
  std::vector<int> loops_;
};

/// Tiles that a dim, or a window's two dims together, may be cut into where they are stepped
/// through.
inline constexpr std::size_t kMaxTiles = std::size_t{1} << 22;

/// Throws std::invalid_argument for more: tables and time would be without bound.
void check_tiles(std::size_t tiles);

/// Step through the digits of some loops, the last one fastest; false at the end, back at 0.
bool advance(const std::vector<int>& loops, const mapping::Nest& nest, Digits& digits);

/// The table of one axis of a tensor, or, where `axis` is null, of a dim that the tensor lacks.
StepWords::AxisTable axis_table(const problem::Problem& problem, const mapping::Nest& nest,
                                const cost::Keepers& keepers, const StepWords::Question& question,
                                const problem::Axis* axis, const std::vector<int>& dims);

}  // namespace dnnaccel::sim::stepping
