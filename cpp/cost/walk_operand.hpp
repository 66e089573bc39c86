#pragma once

#include <vector>

#include "cost/walk_network.hpp"

namespace dnnaccel::cost::walking {

/// An operand on its way down: every instance receives the words that its new tile has and the one
/// it held had not.
class Operand {
 public:
  /// `keepers`: outermost first, compute last.
  Operand(const problem::Problem& problem, const arch::Architecture& architecture,
          const mapping::Nest& nest, problem::Role role, std::vector<Keeper> keepers);

  /// Move to a new position; `stepped` is the loop that moved, or -1 at the first.
  void step(int stepped);
  /// Enter everything that was counted.
  void enter(Counts& counts) const;

 private:
  /// One keeper below the top, and its network to the one above.
  struct Child {
    Keeper keeper;
    Network network;
    std::vector<std::vector<Word>> held;    ///< by instance: the tile it held last
    std::vector<std::vector<Word>> fresh;   ///< the tile of the new position
    std::vector<std::vector<Word>> lacked;  ///< what it has to receive
  };

  void fill(std::size_t child, bool first);
  void hold(std::size_t child);

  problem::Role role_;
  Words words_;
  Keeper top_;
  std::vector<Word> whole_;  ///< the tile of the top
  std::vector<Child> children_;
  std::vector<MemoryCount> count_;  ///< by keeper, compute too
  std::vector<RampCount> ramp_;
  std::vector<WordSpan> wanted_;
  std::vector<WordSpan> before_;
};

}  // namespace dnnaccel::cost::walking
