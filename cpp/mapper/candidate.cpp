#include "mapper/candidate.hpp"

#include <algorithm>

#include "base/math.hpp"

namespace dnnaccel::mapper {

namespace {

constexpr std::size_t at(int i) { return static_cast<std::size_t>(i); }
constexpr std::size_t kMaxFront = 64;

Score score_of(Objective objective, const cost::Cost& cost) {
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

void add_to_front(std::vector<Point>& front, double energy, std::uint64_t cycles,
                  const mapping::Mapping& mapping) {
  for (const Point& point : front) {
    if (point.energy <= energy && point.cycles <= cycles) return;
  }
  std::erase_if(
      front, [&](const Point& point) { return point.energy >= energy && point.cycles >= cycles; });
  const auto where = std::find_if(front.begin(), front.end(),
                                  [&](const Point& point) { return point.energy > energy; });
  front.insert(where, Point{energy, cycles, mapping});
  // A long front is thinned in its middle; its two ends are what people look for first.
  if (front.size() > kMaxFront)
    front.erase(front.begin() + static_cast<std::ptrdiff_t>(kMaxFront / 2));
}

}  // namespace

Judge::Judge(const problem::Problem& problem, const arch::Architecture& architecture,
             const mapping::Layout& layout, Objective objective)
    : problem_(problem),
      architecture_(architecture),
      layout_(layout),
      objective_(objective),
      counter_(problem, architecture) {
  scratch_.levels.resize(architecture.levels.size());
}

mapping::Mapping Judge::to_mapping(const Candidate& candidate) const {
  mapping::Mapping mapping;
  mapping.levels.resize(architecture_.levels.size());
  for (int level = 0; level < architecture_.size(); ++level) {
    mapping.levels[at(level)].keeps = layout_.space().levels[at(level)].keep;
  }
  for (std::size_t i = 0; i < layout_.options().size(); ++i) {
    const auto& option = layout_.options()[i];
    if ((candidate.kept >> i & 1U) != 0) mapping.levels[at(option.level)].keeps |= option.role_bit;
  }
  std::array<std::int64_t, problem::kMaxDims> extent{};
  std::array<std::size_t, problem::kMaxDims> next{};
  for (int d = 0; d < problem_.dims(); ++d) extent[at(d)] = problem_.bounds[at(d)];
  for (std::size_t s = 0; s < layout_.slots().size(); ++s) {
    const mapping::Slot& slot = layout_.slots()[s];
    for (int d : candidate.order[s]) {
      const std::int64_t tile = candidate.tiles[at(d)][next[at(d)]++];
      if (tile < extent[at(d)]) {
        mapping.levels[at(slot.level)].loops.push_back({.dim = d, .tile = tile, .axis = slot.axis});
        extent[at(d)] = tile;
      }
    }
  }
  return mapping;
}

bool Judge::spread_fits(const Candidate& candidate) const {
  std::array<std::int64_t, 2 * arch::kMaxLevels> used;
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

Score Judge::judge(const Candidate& candidate) {
  if (!spread_fits(candidate)) {
    ++pruned_;
    return {};
  }
  scratch_ = to_mapping(candidate);
  const mapping::Nest nest = mapping::flatten(problem_, architecture_, scratch_);
  if (auto misfit = counter_.misfit(scratch_, nest)) {
    ++pruned_;
    if (!misfit_ || misfit->words_needed < misfit_->words_needed) misfit_ = misfit;
    return {};
  }
  counter_.count(scratch_, nest, counts_);
  const cost::Cost cost = cost::price(architecture_, counts_);
  ++evaluated_;
  const Score score = score_of(objective_, cost);
  remember(score, scratch_, cost);
  return score;
}

void Judge::remember(const Score& score, const mapping::Mapping& mapping, const cost::Cost& cost) {
  add_to_front(front_, cost.energy, cost.cycles, mapping);
  if (score < best_score_) {
    best_score_ = score;
    best_ = mapping;
  }
}

void Judge::merge_into(Outcome& outcome, Score& outcome_score) const {
  outcome.evaluated += evaluated_;
  outcome.pruned += pruned_;
  for (const Point& point : front_) {
    add_to_front(outcome.pareto, point.energy, point.cycles, point.mapping);
  }
  if (best_ && (!outcome.best || best_score_ < outcome_score)) {
    outcome.best = best_;
    outcome_score = best_score_;
  }
  if (misfit_ && (!outcome.misfit || misfit_->words_needed < outcome.misfit->words_needed)) {
    outcome.misfit = misfit_;
  }
}

Candidate smallest_tiles(const problem::Problem& problem, const mapping::Layout& layout) {
  Candidate candidate;
  candidate.order.resize(layout.slots().size());
  for (int d = 0; d < problem.dims(); ++d) {
    std::int64_t extent = problem.bounds[at(d)];
    for (int slot : layout.slots_of(d)) {
      const std::int64_t fixed = layout.fixed_tile(slot, d);
      extent = std::min(extent, fixed > 0 ? fixed : 1);
      candidate.tiles[at(d)].push_back(extent);
      candidate.order[at(slot)].push_back(d);
    }
    if (!candidate.tiles[at(d)].empty()) candidate.tiles[at(d)].back() = 1;
    // A fixed tile further in needs the tiles outside it to be at least as large.
    for (std::size_t i = candidate.tiles[at(d)].size(); i-- > 1;) {
      const std::int64_t fixed = layout.fixed_tile(layout.slots_of(d)[i], d);
      if (fixed > 0) candidate.tiles[at(d)][i] = std::min(fixed, problem.bounds[at(d)]);
      candidate.tiles[at(d)][i - 1] =
          std::max(candidate.tiles[at(d)][i - 1], candidate.tiles[at(d)][i]);
    }
  }
  for (std::size_t s = 0; s < candidate.order.size(); ++s) {
    std::stable_sort(candidate.order[s].begin(), candidate.order[s].end(), [&](int a, int b) {
      return layout.rank(static_cast<int>(s), a) < layout.rank(static_cast<int>(s), b);
    });
  }
  return candidate;
}

}  // namespace dnnaccel::mapper
