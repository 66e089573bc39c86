#include "mapper/candidate.hpp"

#include <algorithm>
#include <bit>

#include "base/math.hpp"

namespace dnnaccel::mapper {

namespace {

constexpr std::size_t at(int i) { return static_cast<std::size_t>(i); }
constexpr std::size_t kMaxFront = 64;
constexpr std::size_t kMaxTables = 1U << 14;  // up to 200 MB for a chip of Eyeriss' depth

Score score_of(Objective objective, const cost::Price& cost) {
  const auto cycles = static_cast<double>(cost.cycles);
  switch (objective) {
    case Objective::energy:
      return {cost.energy, cycles};
    case Objective::latency:
      return {cycles, cost.energy};
    case Objective::edp:
      return {cost.energy * cycles, cost.energy};
  }
  return {};
}

bool improves(const std::vector<Point>& front, double energy, std::uint64_t cycles) {
  return std::none_of(front.begin(), front.end(), [&](const Point& point) {
    return point.energy <= energy && point.cycles <= cycles;
  });
}

void add_to_front(std::vector<Point>& front, Point added) {
  std::erase_if(front, [&](const Point& point) {
    return point.energy >= added.energy && point.cycles >= added.cycles;
  });
  const auto where = std::find_if(front.begin(), front.end(),
                                  [&](const Point& point) { return point.energy > added.energy; });
  front.insert(where, std::move(added));
  // A long front is thinned in its middle; its two ends are what people look for first.
  if (front.size() > kMaxFront) {
    front.erase(front.begin() + static_cast<std::ptrdiff_t>(kMaxFront / 2));
  }
}

}  // namespace

void Candidate::follow(const Candidate& other, std::uint32_t dims, std::uint32_t orders) {
  for (; dims != 0; dims &= dims - 1) {
    const auto d = static_cast<std::size_t>(std::countr_zero(dims));
    tiles[d] = other.tiles[d];
  }
  for (; orders != 0; orders &= orders - 1) {
    const auto t = static_cast<std::size_t>(std::countr_zero(orders));
    mapping.order[t] = other.mapping.order[t];
  }
  mapping.chains = other.mapping.chains;
  mapping.kept = other.mapping.kept;
  changed = other.changed;
  generation = other.generation;
}

Judge::Judge(const problem::Problem& problem, const arch::Architecture& architecture,
             const mapping::Layout& layout, const cost::Sparsity& sparsity, const Goal& goal)
    : problem_(problem),
      architecture_(architecture),
      layout_(layout),
      sparsity_(sparsity),
      pricer_(problem, architecture, sparsity),
      goal_(goal),
      tables_(std::in_place, problem, architecture, layout, sparsity) {}

mapping::Mapping Judge::to_mapping(const Candidate& candidate) const {
  mapping::Mapping mapping;
  mapping.levels.resize(architecture_.levels.size());
  for (int level = 0; level < architecture_.size(); ++level) {
    mapping.levels[at(level)].keeps = layout_.space().levels[at(level)].keep;
  }
  for (std::size_t i = 0; i < layout_.options().size(); ++i) {
    const auto& option = layout_.options()[i];
    if ((candidate.mapping.kept >> i & 1U) != 0) {
      mapping.levels[at(option.level)].keeps |= option.role_bit;
    }
  }
  std::array<std::int64_t, problem::kMaxDims> extent{};
  for (int d = 0; d < problem_.dims(); ++d) extent[at(d)] = problem_.bounds[at(d)];
  const auto add = [&](int s, int d) {
    const std::vector<int>& slots = layout_.slots_of(d);
    const auto i = std::find(slots.begin(), slots.end(), s) - slots.begin();
    const std::int64_t tile = candidate.tiles[at(d)][static_cast<std::size_t>(i)];
    if (tile >= extent[at(d)]) return;
    const mapping::Slot& slot = layout_.slots()[at(s)];
    mapping.levels[at(slot.level)].loops.push_back({.dim = d, .tile = tile, .axis = slot.axis});
    extent[at(d)] = tile;
  };
  std::size_t temporal = 0;
  for (int s = 0; s < static_cast<int>(layout_.slots().size()); ++s) {
    if (!layout_.slots()[at(s)].spatial) {
      for (std::uint8_t d : candidate.mapping.order[temporal++]) add(s, d);
      continue;
    }
    for (int d = 0; d < problem_.dims(); ++d) {
      if (layout_.splits(s, d)) add(s, d);
    }
  }
  return mapping;
}

bool Judge::spread_fits(const Candidate& candidate) const {
  std::array<std::int64_t, cost::kMaxSlots> used;
  used.fill(1);
  for (int d = 0; d < problem_.dims(); ++d) {
    const std::vector<int>& slots = layout_.slots_of(d);
    std::int64_t extent = problem_.bounds[at(d)];
    for (std::size_t i = 0; i < slots.size(); ++i) {
      const std::int64_t tile = candidate.tiles[at(d)][i];
      const mapping::Slot& slot = layout_.slots()[at(slots[i])];
      if (slot.spatial) {
        std::int64_t& count = used[at(slots[i])];
        count *= base::ceil_div(extent, tile);
        if (count > slot.size) return false;
      }
      extent = tile;
    }
  }
  return true;
}

std::optional<cost::Misfit> Judge::misfit(const Candidate& candidate) const {
  const mapping::Mapping mapping = to_mapping(candidate);
  const mapping::Nest nest = mapping::flatten(problem_, architecture_, mapping);
  return cost::Counter(problem_, architecture_, mapping, nest).misfit(sparsity_);
}

/// Give the changed chains of a candidate their numbers, in new tables if these have grown too
/// large.
void Judge::number(Candidate& candidate) {
  if (tables_->size() > kMaxTables) {
    tables_.emplace(problem_, architecture_, layout_, sparsity_);
    ++generation_;
  }
  if (candidate.generation != generation_) candidate.changed = ~0U;
  for (int d = 0; d < problem_.dims(); ++d) {
    if ((candidate.changed >> d & 1U) == 0) continue;
    candidate.mapping.chains[at(d)] = tables_->intern(d, candidate.tiles[at(d)].data());
  }
  candidate.changed = 0;
  candidate.generation = generation_;
}

Score Judge::judge(Candidate& candidate) {
  number(candidate);
  if (!tables_->count(candidate.mapping, counts_)) {
    ++pruned_;
    return {};
  }
  const cost::Price cost = pricer_.total(counts_);
  ++evaluated_;
  if (!goal_.within(cost.energy, cost.cycles, counts_.active_macs)) return {};
  const Score score = score_of(goal_.objective, cost);
  if (improves(front_, cost.energy, cost.cycles)) {
    add_to_front(front_, {cost.energy, cost.cycles, to_mapping(candidate)});
  }
  if (score < best_score_) {
    best_score_ = score;
    best_ = to_mapping(candidate);
  }
  return score;
}

void Judge::forget_verdicts() {
  best_score_ = {};
  best_.reset();
  front_.clear();
  evaluated_ = pruned_ = 0;
}

void Judge::report(Outcome& outcome) const {
  outcome.evaluated = evaluated_;
  outcome.pruned = pruned_;
  outcome.pareto = front_;
  outcome.best = best_;
}

Candidate smallest_tiles(const problem::Problem& problem, const mapping::Layout& layout) {
  Candidate candidate;
  for (int d = 0; d < problem.dims(); ++d) {
    Candidate::Chain& chain = candidate.change(d);
    const std::int64_t bound = problem.bounds[at(d)];
    const std::vector<int>& slots = layout.slots_of(d);
    std::int64_t extent = bound;
    for (std::size_t i = 0; i < slots.size(); ++i) {
      const auto inside = slots.begin() + static_cast<std::ptrdiff_t>(i) + 1;
      // A fixed tile further in needs those outside it to be at least as large.
      std::int64_t needed = 1;
      for (auto slot = inside; slot != slots.end(); ++slot) {
        needed = std::max(needed, std::min(bound, layout.fixed_tile(*slot, d)));
      }
      const std::int64_t fixed = layout.fixed_tile(slots[i], d);
      const mapping::Slot& slot = layout.slots()[at(slots[i])];
      if (fixed > 0) {
        extent = std::min(extent, fixed);
      } else if (!slot.spatial) {
        extent = needed;
      } else if (std::all_of(inside, slots.end(),
                             [&](int s) { return layout.slots()[at(s)].spatial; })) {
        // Nothing but arrays can split what is left here: fill them from the outside in.
        extent = std::max(needed, base::ceil_div(extent, slot.size));
      }
      chain.push_back(extent);
    }
    if (!chain.empty()) chain.back() = 1;
  }
  std::size_t temporal = 0;
  for (int s = 0; s < static_cast<int>(layout.slots().size()); ++s) {
    if (layout.slots()[at(s)].spatial) continue;
    auto& order = candidate.mapping.order[temporal++];
    for (int d = 0; d < problem.dims(); ++d) {
      if (layout.splits(s, d)) order.push_back(static_cast<std::uint8_t>(d));
    }
    std::stable_sort(order.begin(), order.end(),
                     [&](int a, int b) { return layout.rank(s, a) < layout.rank(s, b); });
  }
  return candidate;
}

}  // namespace dnnaccel::mapper
