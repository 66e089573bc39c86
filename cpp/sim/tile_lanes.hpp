#pragma once

#include <functional>
#include <vector>

#include "sim/tile_wires.hpp"

namespace dnnaccel::sim::tiles {

/// The network between the innermost keeper of a tensor and the MACs. In one step of the nest each
/// MAC uses one word, and a wire carries each word once, however many MACs on it use it. What the
/// MACs of a wire use is a product over axes, so words are told apart axis by axis.
class LaneNetwork {
 public:
  /// `first`: the outermost loop of a block. Compute is `child`.
  LaneNetwork(const problem::Problem& problem, const arch::Architecture& architecture,
              const mapping::Nest& nest, problem::Role role, Keeper parent, Keeper child,
              std::size_t first);

  /// What crosses link 0 in the block that begins at a position, in which the MACs use `used`
  /// words.
  std::uint64_t cross(const Position& position, std::uint64_t used);
  /// Words of the block, each once per step and instance of the parent.
  std::uint64_t once(const Position& position, std::uint64_t used);

  void enter(std::uint64_t returned, cost::Counts& counts) const;

 private:
  using Merges = std::function<bool(const Split&)>;
  /// One index that a MAC uses, and the step and the wires, of a dim, to which it belongs.
  struct Use {
    std::uint64_t cell = 0;
    std::int64_t index = 0;
  };

  std::uint64_t count(const Position& position, std::uint64_t used, const Merges& merges);
  void find_uses(const Position& position, int dim, const Merges& merges, std::vector<Use>& uses);
  std::uint64_t count_axis(const problem::Axis& axis, const std::vector<Use>& p,
                           const std::vector<Use>& r);

  const problem::Problem& problem_;
  const mapping::Nest& nest_;
  problem::Role role_;
  int parent_level_ = 0;
  std::size_t first_ = 0;
  Way way_;
  std::vector<std::uint64_t> crossed_;  ///< by link
  struct Piece {
    std::uint64_t cell;
    Range range;
  };
  std::vector<Piece> pieces_;
  std::vector<Piece> finer_;
  std::vector<Use> p_uses_;
  std::vector<Use> r_uses_;
  std::vector<std::int64_t> coordinates_;
};

}  // namespace dnnaccel::sim::tiles
