#pragma once

#include <deque>
#include <vector>

#include "sim/tile_store.hpp"

namespace dnnaccel::sim::tiles {

/// An operand on its way down, with its values: every instance of a keeper takes over the words it
/// had, and receives the others from its parent, or from a sibling where the network forwards.
template <typename T>
class Operand {
 public:
  /// `keepers`: outermost first, without compute.
  Operand(const problem::Problem& problem, const arch::Architecture& architecture,
          const mapping::Nest& nest, problem::Role role, const std::vector<Keeper>& keepers,
          const T* tensor);

  /// Move to a new position; `stepped` is the loop that moved, or -1 at the first.
  void step(int stepped);

  /// The innermost keeper, which compute reads.
  [[nodiscard]] const Keeper& innermost() const { return levels_.back().keeper; }
  [[nodiscard]] TileStore<T>& store() { return levels_.back().store; }
  /// So many words of it were read by compute.
  void read_by_compute(std::uint64_t words) { computed_ += words; }

  void enter(cost::Counts& counts) const;

 private:
  struct Level {
    Keeper keeper;
    TileStore<T> store;
    std::vector<Wires> wires;  ///< from the parent; the outermost level has none
    std::vector<std::vector<std::uint32_t>> parent_lane;  ///< by axis and lane
    std::vector<PlaceTable> in_parent;                    ///< by axis: new coordinates
    std::vector<PlaceTable> in_old;
    std::vector<PlaceTable> old_in_parent;
    std::vector<std::vector<Wires::Held>> held;  ///< by instance, on a forwarding network
    std::vector<std::uint32_t> moved;            ///< instances that take a new tile in this step
    Watch watch;
    std::uint64_t tile = 0;
    std::uint64_t read = 0;  ///< by the child, or by siblings
    std::uint64_t received = 0;
    cost::RampCount ramp{};
  };
  /// One axis of a move: where each of the new coordinates stands in both sources, times the words
  /// between two neighbours there.
  struct Line {
    std::span<const Place> old;
    std::span<const Place> parent;
    std::int64_t old_stride = 0;
    std::int64_t parent_stride = 0;
  };

  void fill(std::size_t n, bool first);
  void note_held(Level& level, Level& parent);
  void move(Level& level, Level& parent, std::size_t instance);
  bool lay_lines(Level& level, Level& parent, std::size_t instance);
  void copy(std::size_t line, Place old, Place parent);
  void take(Place old, Place parent);
  problem::Role role_;
  std::deque<Level> levels_;
  std::uint64_t computed_ = 0;
  std::uint64_t whole_tile_ = 1;
  std::vector<Line> lines_;  ///< of the axes along which the new tile has several words
  Place old_start_ = 0;      ///< where its first word stands on all other axes
  Place parent_start_ = 0;
  const T* from_old_ = nullptr;
  const T* from_parent_ = nullptr;
  T* begin_ = nullptr;
  T* to_ = nullptr;
  std::vector<Place> lacked_;            ///< words received, by where they stand in the parent
  std::vector<std::size_t> lacked_own_;  ///< and in the new tile
  std::vector<Wires::Held> longer_;
};

extern template class Operand<std::int32_t>;
extern template class Operand<float>;

}  // namespace dnnaccel::sim::tiles
