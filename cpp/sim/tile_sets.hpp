#pragma once

#include <array>
#include <cstdint>
#include <map>
#include <memory>
#include <vector>

#include "cost/walk_nest.hpp"
#include "problem/problem.hpp"

/// The coordinates that iterations touch along one axis of a tensor. A tile is a product of such
/// sets, so nothing here grows with the words of a tile.
namespace dnnaccel::sim::tiles {

using cost::walking::Range;

/// Where a word stands: in a buffer, or along one axis of it. Negative: it is not there.
using Place = std::int64_t;
inline constexpr Place kNowhere = -1;

/// What is left of a window with gaps that no single step describes.
struct Irregular {
  std::vector<std::int64_t> coordinates;  ///< ascending
  std::vector<Place> places;              ///< by coordinate less the first: where it stands
};

/// A set of coordinates: first, first + step, ..., or an irregular one.
struct AxisSet {
  std::int64_t first = 0;
  std::int64_t step = 1;
  std::int64_t count = 0;
  const Irregular* irregular = nullptr;

  bool operator==(const AxisSet& other) const {
    return first == other.first && count == other.count && step == other.step &&
           (irregular == other.irregular ||
            (irregular != nullptr && other.irregular != nullptr &&
             irregular->coordinates == other.irregular->coordinates));
  }

  [[nodiscard]] std::int64_t coordinate(std::int64_t place) const {
    return irregular != nullptr ? irregular->coordinates[static_cast<std::size_t>(place)]
                                : first + place * step;
  }
  [[nodiscard]] Place place_of(std::int64_t coordinate) const {
    const std::int64_t distance = coordinate - first;
    if (step == 1) return distance >= 0 && distance < count ? distance : kNowhere;
    return place_among_gaps(distance);
  }

 private:
  [[nodiscard]] Place place_among_gaps(std::int64_t distance) const;
};

/// Makes the sets of one axis, clipped to the tensor: padding is no coordinate. Irregular ones live
/// as long as their maker.
class AxisSets {
 public:
  explicit AxisSets(const problem::Axis& axis) : axis_(axis) {}

  /// Every coordinate of the axis, touched or not.
  [[nodiscard]] AxisSet whole() const {
    return {.first = 0, .step = 1, .count = axis_.size, .irregular = nullptr};
  }
  /// The coordinates that the indices `p` of the axis' first dim and `r` of its second one touch.
  AxisSet touched(Range p, Range r);
  /// No two ranges of these sizes touch more.
  [[nodiscard]] std::int64_t most(std::int64_t p_size, std::int64_t r_size) const;

 private:
  [[nodiscard]] AxisSet progression(std::int64_t first, std::int64_t step,
                                    std::int64_t count) const;
  AxisSet gaps(Range p, Range r);

  const problem::Axis& axis_;
  std::map<std::array<std::int64_t, 4>, AxisSet> known_;
  std::vector<std::unique_ptr<const Irregular>> irregular_;
};

/// Where the coordinates of `from` stand in `to`, one place for each.
void find_places(const AxisSet& from, const AxisSet& to, std::vector<Place>& places);

}  // namespace dnnaccel::sim::tiles
