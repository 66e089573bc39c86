#pragma once

#include <array>
#include <cstdint>
#include <vector>

#include "base/number_map.hpp"
#include "cost/keeper_pairs.hpp"

namespace dnnaccel::cost {

/// The number of a chain among those of its dim.
using ChainId = std::uint32_t;

/// What tables hold: a sum over one axis is at most the dim's bound, or 2^20 for a window.
using Word = std::uint32_t;

/// A cache line of words: rows begin with one, so that few lines are touched for a mapping.
struct alignas(64) Line {
  std::array<Word, 16> words{};
};

/// Sizes of what is tabulated. All dims are given as many cuts as the one with most temporal slots
/// has, so that a place in a row is the same for each.
struct Cuts {
  Cuts() = default;
  explicit Cuts(std::size_t cuts)
      : count(cuts),
        of_pair(2 * cuts),
        of_link(2 * cuts),
        fetched_cells(cuts * cuts),
        cells_of_link(5 * cuts * cuts) {}

  std::size_t count = 1;    ///< places where a loop of another dim can stand among those of a dim
  std::size_t of_pair = 2;  ///< in the row of a plain dim: fetched, kept
  std::size_t of_link = 2;  ///< in the row of an absent dim: standing by, stepping
  /// In the cells of a window, of one link: fetched, and then kept, with either dim stepping or
  /// none.
  std::size_t fetched_cells = 1;
  std::size_t cells_of_link = 5;
};

/// Where things stand in the head of a chain, the same for all dims of a layout.
struct HeadPlan {
  HeadPlan(const arch::Architecture& architecture, const mapping::Layout& layout);

  static constexpr std::size_t kLooping = 0;    ///< bit t: more than one trip in temporal slot t
  static constexpr std::size_t kSpread = 1;     ///< bit l: split by the array at level l
  static constexpr std::size_t kPositions = 2;  ///< temporal positions of instance 0
  static constexpr std::size_t kTrips = 3;      ///< instances along each spatial slot
  std::size_t instances = 0;  ///< that work, as far as this dim goes, inside 1, 2, ... arrays
  std::size_t tile = 0;       ///< above each level
  std::size_t size = 0;

  std::vector<int> spatial;          ///< slots, in the order of kTrips
  std::vector<std::uint64_t> sizes;  ///< instances that each has room for
  std::vector<int> temporal;         ///< by slot: its number among temporal ones, or -1
  std::vector<int> arrays_above;     ///< by level, and for compute
  int depths = 0;                    ///< arrays
  Cuts cuts;
};

/// The chains of one dim seen so far: a chain is the tiles of the dim, one for each slot of the
/// layout that may split it.
class ChainTable {
 public:
  ChainTable(const mapping::Layout& layout, const HeadPlan& plan, const StepGatherer& gatherer,
             int dim, std::int64_t bound);

  /// The number of a chain, new or known: `tiles` has an entry for each slot of the dim.
  ChainId intern(const std::int64_t* tiles);

  [[nodiscard]] ChainView view(ChainId id) const {
    return {.dim = dim_, .bound = bound_, .slots = &slots_, .tiles = &tiles_[id * slots_.size()]};
  }
  [[nodiscard]] const Word* head(ChainId id) const { return &heads_[id * plan_.size]; }
  [[nodiscard]] std::size_t size() const { return size_; }
  [[nodiscard]] int dim() const { return dim_; }
  [[nodiscard]] std::int64_t bound() const { return bound_; }

 private:
  void write_head(ChainId id);

  const mapping::Layout& layout_;
  const HeadPlan& plan_;
  const StepGatherer& gatherer_;
  int dim_;
  std::int64_t bound_;
  const std::vector<int>& slots_;
  std::size_t size_ = 0;
  base::NumberMap ids_;
  std::vector<std::int64_t> tiles_;
  std::vector<Word> heads_;
};

}  // namespace dnnaccel::cost
