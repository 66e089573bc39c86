#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "arch/architecture.hpp"
#include "cost/counts.hpp"
#include "cost/walk_nest.hpp"

/// The way between two consecutive keepers of a tensor.
namespace dnnaccel::cost::walking {

/// Words of one instance, ascending; they are stored elsewhere.
using WordSpan = std::span<const Word>;

/// Everything that keeps one tensor: a memory, or compute (the last keeper, which holds nothing).
struct Keeper {
  int level = 0;
  const Depth* depth = nullptr;
};

/// The arrays between a parent keeper and its child. Link 0 leaves the parent, link j lies below
/// the j-th array, the last link enters the children.
class Network {
 public:
  Network(const problem::Problem& problem, const arch::Architecture& architecture,
          const mapping::Nest& nest, problem::Role role, Keeper parent, Keeper child);

  [[nodiscard]] bool forwards() const { return forwards_; }
  [[nodiscard]] std::size_t parent_of(std::size_t instance) const { return instance / fan_; }
  /// The child's instances, those that stand on one wire of link 0 next to each other.
  [[nodiscard]] std::span<const std::uint32_t> by_wire() const { return links_.front().order; }
  /// Where the next wire of link 0 begins among them.
  [[nodiscard]] std::span<const std::size_t> wire_ends() const { return links_.front().ends; }

  /// Send words of the child's instances over every link: on one wire each word passes once. On a
  /// forwarding network `held` are the words that each held before, and a word that one of them
  /// held is passed on below it and stays off the wire. Returns what crossed link 0.
  std::uint64_t pass(std::span<const WordSpan> wanted, std::span<const WordSpan> held);

  /// Enter what crossed every link so far into the counts of the arrays.
  void enter(problem::Role role, std::uint64_t returned, Counts& counts) const;

 private:
  /// Which instances of the child stand on the same wire.
  struct Link {
    std::vector<std::uint32_t> order;
    std::vector<std::size_t> ends;
    std::uint64_t crossed = 0;
  };
  struct Split {
    std::size_t trips = 1;
    int level = 0;
    bool above = false;   ///< of the parent: it says which of its instances
    bool shares = false;  ///< one word serves (or sums add up over) all its instances
  };

  static Link make_link(const std::vector<Split>& splits, std::size_t instances, int below);
  std::uint64_t cross(Link& link, std::span<const WordSpan> wanted, std::span<const WordSpan> held);

  std::vector<int> arrays_;
  std::vector<Link> links_;
  std::size_t fan_ = 1;  ///< instances of the child per instance of the parent
  bool forwards_ = false;
  std::vector<std::uint32_t> passed_;  ///< by word: the wire on which it passed last
  std::vector<std::uint32_t> held_;    ///< by word: the wire below which it was held last
  std::uint32_t wire_ = 0;             ///< wires looked at so far, over all links and steps
};

}  // namespace dnnaccel::cost::walking
