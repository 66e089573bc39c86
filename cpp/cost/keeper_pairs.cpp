#include "cost/keeper_pairs.hpp"

#include <algorithm>

namespace dnnaccel::cost {

using problem::Role;

namespace {

constexpr std::size_t at(int i) { return static_cast<std::size_t>(i); }

}  // namespace

bool KeeperPlan::keeper_between(int above, int below) const {
  for (int level = std::max(above + 1, 1); level <= below && level < arch::kMaxLevels; ++level) {
    if ((levels >> level & 1U) != 0) return true;
  }
  return false;
}

KeeperPlan keeper_plan(const arch::Architecture& architecture, Role role, std::uint32_t levels) {
  KeeperPlan plan{.role = role, .levels = levels, .pairs = {}};
  std::size_t entries = 0;
  for (int parent = 0; parent < architecture.size();) {
    KeeperPair pair;
    pair.role = role;
    pair.parent = parent;
    pair.child = parent + 1;
    while (pair.child < architecture.size() && (levels >> pair.child & 1U) == 0) ++pair.child;
    pair.compute = pair.child == architecture.size();
    pair.forwards = forwards(architecture, pair);
    pair.links.push_back({.from_level = parent});
    for (int level = parent + 1; level < pair.child; ++level) {
      if (architecture.array(level) == nullptr) continue;
      pair.arrays.push_back(level);
      pair.links.push_back({.from_level = level + 1});
    }
    pair.child_link = pair.links.size() - 1;
    if (role == Role::outputs) pair.links.push_back({.from_level = parent, .all = true});
    pair.once_link = pair.links.size() - 1;
    pair.first_entry = entries;
    entries += pair.links.size();
    parent = pair.child;
    plan.pairs.push_back(std::move(pair));
  }
  return plan;
}

bool StepGatherer::unites(const KeeperPair& pair, Link link, int level, int dim) const {
  if (link.all) return true;
  if (level < link.from_level) return false;
  const std::uint32_t shared = shared_dims_[at(level)][at(problem::index(pair.role))];
  return pair.forwards || (shared >> dim & 1U) != 0;
}

void StepGatherer::gather(const KeeperPlan& plan, const KeeperPair& pair, Link link,
                          const ChainView& chain, ChainCut cut, Steps& steps) const {
  steps.clear();
  const bool outputs = plan.role == Role::outputs;
  std::int64_t extent = chain.bound;
  int last_level = -1;
  int loops = 0;
  const auto close = [&](int level) {
    if (outputs && !steps.empty()) {
      steps.back().keeper_below = plan.keeper_between(last_level, level);
    }
  };
  for (std::size_t i = 0; i < chain.slots->size(); ++i) {
    const mapping::Slot& slot = layout_.slots()[at((*chain.slots)[i])];
    if (slot.level >= pair.child) break;
    if (chain.tiles[i] == extent) continue;
    extent = chain.tiles[i];
    close(slot.level);
    Step step{.tile = extent, .part = Part::summed, .keeper_below = false};
    if (!slot.spatial) {
      step.part = loops == cut.own ? Part::own : loops < cut.cut ? Part::outer : Part::inner;
      ++loops;
    } else if (slot.level > pair.parent && unites(pair, link, slot.level, chain.dim)) {
      step.part = Part::united;
    }
    steps.push_back(step);
    last_level = slot.level;
  }
  close(pair.child);
}

void StepGatherer::gather_above(int level, const ChainView& chain, int cut, Steps& steps) const {
  KeeperPair above;
  above.parent = above.child = level;
  gather(KeeperPlan{}, above, {.from_level = level}, chain, {.cut = cut}, steps);
}

}  // namespace dnnaccel::cost
