#pragma once

#include <array>
#include <vector>

#include "sim/tile_lines.hpp"
#include "sim/tile_lists.hpp"
#include "sim/tile_operand.hpp"
#include "sim/tile_poll.hpp"
#include "sim/tile_sums.hpp"

namespace dnnaccel::sim::tiles {

/// Words that one block read and wrote at the MACs.
struct Touched {
  std::uint64_t macs = 0;
  std::array<std::uint64_t, problem::kRoles> words{};  ///< of MACs, without padding
  std::uint64_t begun = 0;                             ///< outputs that began in this block
};

/// The MACs between two moves: while the loops from `first` on run, no tile changes. A unit is an
/// instance of the deepest keeper: all that stands below one is computed in one go.
template <typename T>
class Block {
 public:
  Block(const problem::Problem& problem, const mapping::Nest& nest, std::size_t first,
        const Instances& units, Operand<T>& inputs, Operand<T>& weights, Sums<T>& sums, Poll& poll);

  /// Compute the block that begins at a position, where the tiles are in place.
  Touched run(const Position& position);

 private:
  static constexpr std::size_t kNone = static_cast<std::size_t>(-1);

  /// One axis of one tensor.
  struct Axis {
    const problem::Axis* axis = nullptr;
    int p = 0;
    int r = -1;
    std::size_t r_parts = 1;
    bool moves = false;                      ///< a loop of the block runs over one of its dims
    bool plain = false;                      ///< every unit takes the one word at place 0
    std::vector<std::uint32_t> keeper_lane;  ///< by lane
    std::vector<std::uint32_t> lane;         ///< by unit; empty if there is but one
    struct Lane {
      AxisSet keeper;
      std::uint64_t p_version = 0;
      std::uint64_t r_version = 0;
      int inner = -1;
      Place first = kNowhere;   ///< of the first index of both dims
      std::uint64_t words = 0;  ///< over all indices, without padding
      AxisPlaces places;
    };
    std::vector<Lane> lanes;
  };
  struct Tensor {
    std::vector<Axis> axes;
    std::uint32_t dims = 0;
    std::size_t fan = 1;  ///< units per instance of the keeper
    // Of the unit at hand:
    T* values = nullptr;
    const std::int64_t* strides = nullptr;  ///< by axis, as is the next
    std::vector<const AxisPlaces*> places;
    bool there = true;        ///< not all of it is padding
    std::uint64_t words = 0;  ///< that its MACs ask for, one by one
  };
  /// What a tensor does where the loop over one dim stands.
  struct Move {
    std::size_t axis = kNone;   ///< the axis whose coordinate is known from here on
    bool along_p = true;        ///< the loop is over its first dim
    std::size_t other = kNone;  ///< the loop over its other dim, outside this one
  };
  using Offsets = std::array<Place, problem::kRoles>;

  void set_up(Tensor& tensor, const problem::Tensor& shape, const TileGrid& grid,
              const Instances& keeper);
  void order_loops();
  void find_places(Tensor& tensor, const TileStore<T>& store);
  void run_unit(std::size_t unit, Touched& touched);
  std::uint64_t begin_sums(std::size_t unit, Place start);
  Place aim(Tensor& tensor, TileStore<T>& store, std::size_t unit);
  void loop(std::size_t depth, const Offsets& offsets);
  void line(const Offsets& offsets);

  const problem::Problem& problem_;
  const Instances& units_;
  Operand<T>& inputs_;
  Operand<T>& weights_;
  Sums<T>& sums_;
  Poll& poll_;
  std::vector<IndexLists> lists_;  ///< by dim
  std::array<Tensor, problem::kRoles> tensors_;
  std::vector<int> order_;  ///< dims with more than one index, the innermost last
  std::vector<std::array<Move, problem::kRoles>> moves_;  ///< by loop
  std::vector<std::int64_t> counts_;                      ///< by dim, of the unit at hand
  std::vector<std::size_t> at_;                           ///< by loop: where it stands
  std::uint64_t done_ = 0;
  std::uint64_t look_up_ = 0;  ///< ask whether to go on when so many MACs are done
  std::vector<Place> sum_places_;
  std::vector<Place> longer_;
};

extern template class Block<std::int32_t>;
extern template class Block<float>;

}  // namespace dnnaccel::sim::tiles
