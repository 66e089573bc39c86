#pragma once

#include <cstdint>
#include <vector>

#include "cost/walk_nest.hpp"
#include "mapping/mapping.hpp"
#include "problem/problem.hpp"
#include "sim/tile_sets.hpp"

/// The instances that stand at one depth of a nest, and the tiles of a tensor that they hold there.
namespace dnnaccel::sim::tiles {

using cost::walking::Position;

/// Instances below the first `above` loops of a nest. What each works on is a product over dims:
/// the instances that differ only in splits of other dims share their part of a dim.
class Instances {
 public:
  Instances(const problem::Problem& problem, const mapping::Nest& nest, int above);

  [[nodiscard]] int above() const { return above_; }
  [[nodiscard]] std::size_t count() const { return works_.size(); }
  [[nodiscard]] bool works(std::size_t instance) const { return works_[instance] != 0; }
  /// Into how many parts the spatial loops split a dim, and which of them an instance has.
  [[nodiscard]] std::size_t parts(int dim) const { return dims_[at(dim)].ranges.size(); }
  [[nodiscard]] std::uint32_t part(int dim, std::size_t instance) const {
    const std::vector<std::uint32_t>& part = dims_[at(dim)].part;
    return part.empty() ? 0 : part[instance];
  }
  /// The indices of a part at the position where the instances stand.
  [[nodiscard]] Range range(int dim, std::size_t part) const { return dims_[at(dim)].ranges[part]; }
  /// The most indices that any part has at any position.
  [[nodiscard]] std::int64_t most(int dim) const { return dims_[at(dim)].most; }

  void stand_at(const Position& position);
  /// Stays the same while the same instances work.
  [[nodiscard]] std::uint64_t shift() const { return shift_; }

 private:
  struct Dim {
    std::vector<std::size_t> loops;
    std::vector<Range> ranges;        ///< by part
    std::vector<std::uint32_t> part;  ///< by instance; empty if there is but one
    std::int64_t bound = 1;
    std::int64_t most = 1;
  };

  static constexpr std::size_t at(int i) { return static_cast<std::size_t>(i); }
  void cut(Dim& dim, const Position& position);

  const mapping::Nest& nest_;
  int above_ = 0;
  std::vector<Dim> dims_;
  std::vector<std::uint8_t> works_;
  std::vector<Range> finer_;
  std::uint64_t shift_ = 0;
  bool all_work_ = false;
};

/// The tiles of one tensor that instances touch at a position, axis by axis. Instances that share
/// their parts of an axis' dims share a lane of the axis, and their coordinates on it.
class TileGrid {
 public:
  /// `whole`: every instance has all of the tensor, whatever it touches.
  TileGrid(const problem::Tensor& tensor, const Instances& instances, bool whole = false);

  [[nodiscard]] std::size_t axes() const { return axes_.size(); }
  [[nodiscard]] std::size_t lanes(std::size_t axis) const { return axes_[axis].now.size(); }
  [[nodiscard]] std::uint32_t lane(std::size_t axis, std::size_t instance) const {
    const std::vector<std::uint32_t>& lane = axes_[axis].lane;
    return lane.empty() ? 0 : lane[instance];
  }
  /// What a lane touches at the position of the last `stand`.
  [[nodiscard]] const AxisSet& now(std::size_t axis, std::size_t lane) const {
    return axes_[axis].now[lane];
  }
  /// The lane of an outer grid that a lane of this one is part of.
  [[nodiscard]] std::vector<std::uint32_t> lanes_in(const TileGrid& outer, std::size_t axis) const;
  /// No tile has more words.
  [[nodiscard]] std::uint64_t most_words() const { return most_words_; }

  /// Look at the position where the instances stand. Returns whether any lane touches other
  /// coordinates than before.
  bool stand();

 private:
  struct Axis {
    AxisSets sets;
    int p = 0;
    int r = -1;  ///< the second dim, if there is one
    std::size_t r_parts = 1;
    std::vector<AxisSet> now;         ///< by lane
    std::vector<std::uint32_t> lane;  ///< by instance; empty if there is but one
  };

  const Instances& instances_;
  bool whole_ = false;
  bool stood_ = false;
  std::uint64_t most_words_ = 1;
  std::vector<Axis> axes_;
};

}  // namespace dnnaccel::sim::tiles
