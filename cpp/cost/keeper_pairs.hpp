#pragma once

#include <vector>

#include "cost/axis_plan.hpp"
#include "cost/counts.hpp"
#include "mapping/mapspace.hpp"

/// The pairs of memories that words of one tensor move between, and what is asked about each.
namespace dnnaccel::cost {

/// One way to unite the splits between two keepers: sharing ones from a level on, or all.
struct Link {
  int from_level = 0;
  bool all = false;
};

/// Two consecutive keepers and the links between them: what leaves the parent, what goes from one
/// array into the next, what reaches the child; and, for outputs, all splits united.
struct KeeperPair : Keepers {
  std::vector<int> arrays;
  std::vector<Link> links;
  std::size_t child_link = 0;
  std::size_t once_link = 0;
  std::size_t first_entry = 0;  ///< number of links[0] among all links of the role
};

/// The levels that keep a role, and its pairs from the outside in; the last is that of compute.
struct KeeperPlan {
  problem::Role role = problem::Role::inputs;
  std::uint32_t levels = 0;  ///< bit l: level l keeps it
  std::vector<KeeperPair> pairs;

  /// Whether a memory below the top that keeps it stands in levels above < l <= below.
  [[nodiscard]] bool keeper_between(int above, int below) const;
};

KeeperPlan keeper_plan(const arch::Architecture& architecture, problem::Role role,
                       std::uint32_t levels);

/// The tiles of one dim in a layout, one for each slot that may split it.
struct ChainView {
  int dim = 0;
  std::int64_t bound = 1;
  const std::vector<int>* slots = nullptr;
  const std::int64_t* tiles = nullptr;
};

/// Where a chain's loops stand: those before `cut`, counting its own temporal loops of more than
/// one trip, are summed over and later ones stand inside; loop `own` steps (-1: none).
struct ChainCut {
  int cut = 0;
  int own = -1;
};

/// Turns chains into the steps that axis sums are taken over.
class StepGatherer {
 public:
  StepGatherer(const problem::Problem& problem, const arch::Architecture& architecture,
               const mapping::Layout& layout)
      : layout_(layout), shared_dims_(shared_dims(problem, architecture)) {}

  /// The steps above the child of a pair, with the splits between united as the link says.
  void gather(const KeeperPlan& plan, const KeeperPair& pair, Link link, const ChainView& chain,
              ChainCut cut, Steps& steps) const;

  /// The steps above a level, with every instance by itself.
  void gather_above(int level, const ChainView& chain, int cut, Steps& steps) const;

 private:
  [[nodiscard]] bool unites(const KeeperPair& pair, Link link, int level, int dim) const;

  const mapping::Layout& layout_;
  PerLevel<PerRole<std::uint32_t>> shared_dims_;
};

}  // namespace dnnaccel::cost
