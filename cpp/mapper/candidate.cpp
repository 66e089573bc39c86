#include "mapper/candidate.hpp"

#include <algorithm>
#include <bit>

#include "base/math.hpp"
#include "mapping/chains.hpp"

namespace dnnaccel::mapper {

namespace {

constexpr std::size_t at(int i) { return static_cast<std::size_t>(i); }
constexpr std::size_t kMaxFront = 64;
constexpr std::size_t kMaxTables = 1U << 14;  // up to 200 MB for a chip of Eyeriss' depth

Score score_of(Objective objective, double over, const cost::Price& cost) {
  const auto cycles = static_cast<double>(cost.cycles);
  switch (objective) {
    case Objective::energy:
      return {over, cost.energy, cycles};
    case Objective::latency:
      return {over, cycles, cost.energy};
    case Objective::edp:
      return {over, cost.energy * cycles, cost.energy};
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
    factors[d] = other.factors[d];
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
  const double over = goal_.excess(cost.energy, cost.cycles, counts_.active_macs);
  const Score score = score_of(goal_.objective, over, cost);
  if (over > 0) return score;
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

void Judge::learn(const Judge& other) {
  evaluated_ += other.evaluated_;
  pruned_ += other.pruned_;
  for (const Point& point : other.front_) {
    const Score score = score_of(goal_.objective, 0, {point.energy, point.cycles});
    if (improves(front_, point.energy, point.cycles)) add_to_front(front_, point);
    if (score < best_score_) {
      best_score_ = score;
      best_ = point.mapping;
    }
  }
}

void Judge::report(Outcome& outcome) const {
  outcome.evaluated = evaluated_;
  outcome.pruned = pruned_;
  outcome.pareto = front_;
  outcome.best = best_;
}

namespace {

/// Chooses the spreads of what only arrays can split, one segment after the other, so that all fit.
class ForcedSpreads {
 public:
  ForcedSpreads(const problem::Problem& problem, const mapping::Layout& layout) : layout_(layout) {
    room_.fill(0);
    for (std::size_t s = 0; s < layout.slots().size(); ++s) room_[s] = layout.slots()[s].size;
    for (int d = 0; d < problem.dims(); ++d) {
      for (mapping::Segment& segment : mapping::segments(problem, layout, d)) {
        if (!segment.temporal.empty() || segment.positions() == 1) continue;
        std::vector<mapping::Spread> spreads = mapping::spreads(layout, d, segment);
        forced_.push_back({d, std::move(segment), std::move(spreads)});
      }
    }
  }

  /// Write them into the factors of all dims; false if they do not fit together.
  bool choose(std::array<mapping::Chain, problem::kMaxDims>& factors, std::size_t n = 0) {
    if (n == forced_.size()) return true;
    const auto& [dim, segment, spreads] = forced_[n];
    const std::vector<int>& slots = layout_.slots_of(dim);
    for (const mapping::Spread& spread : spreads) {
      const auto before = room_;
      bool fits = true;
      for (std::size_t i = 0; i < segment.spatial.size(); ++i) {
        const std::size_t place = segment.spatial[i];
        std::int64_t& room = room_[at(slots[place])];
        factors[at(dim)][place] = spread.factors[i];
        fits = fits && spread.factors[i] <= room;
        room /= spread.factors[i];
      }
      if (fits && choose(factors, n + 1)) return true;
      room_ = before;
    }
    return false;
  }

 private:
  struct Forced {
    int dim = 0;
    mapping::Segment segment;
    std::vector<mapping::Spread> spreads;
  };

  const mapping::Layout& layout_;
  std::vector<Forced> forced_;
  std::array<std::int64_t, cost::kMaxSlots> room_;
};

}  // namespace

std::optional<Candidate> smallest_tiles(const problem::Problem& problem,
                                        const mapping::Layout& layout) {
  Candidate candidate;
  for (int d = 0; d < problem.dims(); ++d) {
    mapping::Chain& factors = candidate.factors[at(d)];
    for (std::size_t i = 0; i < layout.slots_of(d).size(); ++i) factors.push_back(1);
    candidate.change(d) = factors;
    for (const mapping::Segment& segment : mapping::segments(problem, layout, d)) {
      if (!segment.temporal.empty()) factors[segment.temporal.front()] = segment.positions();
    }
  }
  if (!ForcedSpreads(problem, layout).choose(candidate.factors)) return std::nullopt;
  for (int d = 0; d < problem.dims(); ++d) {
    for (const mapping::Segment& segment : mapping::segments(problem, layout, d)) {
      mapping::write_tiles(segment, candidate.factors[at(d)], candidate.change(d));
    }
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
