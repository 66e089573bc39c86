#include <algorithm>
#include <functional>

#include "base/math.hpp"
#include "mapper/candidate.hpp"

namespace dnnaccel::mapper {

namespace {

constexpr std::size_t at(int i) { return static_cast<std::size_t>(i); }

/// Smallest tile whose chunks of an extent fit a slot.
std::int64_t smallest_that_fits(const mapping::Slot& slot, std::int64_t extent) {
  return slot.spatial ? base::ceil_div(extent, slot.size) : 1;
}

/// Visit every chain of tiles of one dim: `visit(chain)` for each. Returns false once `visit` does.
bool for_each_chain(const mapping::Layout& layout, int dim, std::int64_t extent,
                    Candidate::Chain& chain, const std::function<bool()>& visit) {
  const std::vector<int>& slots = layout.slots_of(dim);
  const std::size_t i = chain.size();
  if (i == slots.size()) return visit();
  const std::int64_t fixed = layout.fixed_tile(slots[i], dim);
  // Every tile size, uneven ones included: an optimum is claimed over all of them.
  std::int64_t smallest = smallest_that_fits(layout.slots()[at(slots[i])], extent);
  std::int64_t largest = extent;
  if (i + 1 == slots.size()) {
    largest = 1;
  } else if (fixed > 0) {
    largest = std::min(fixed, extent);
    smallest = std::max(smallest, largest);
  }
  for (std::int64_t tile = smallest; tile <= largest; ++tile) {
    chain.push_back(tile);
    const bool go_on = for_each_chain(layout, dim, tile, chain, visit);
    chain.pop_back();
    if (!go_on) return false;
  }
  return true;
}

class Enumeration {
 public:
  Enumeration(const problem::Problem& problem, const mapping::Layout& layout, Judge& judge,
              const std::atomic<bool>& stop)
      : problem_(problem),
        layout_(layout),
        judge_(judge),
        stop_(stop),
        candidate_(smallest_tiles(problem, layout)),
        canonical_order_(candidate_.mapping.order) {
    for (int s = 0; s < static_cast<int>(layout.slots().size()); ++s) {
      if (!layout.slots()[at(s)].spatial) temporal_.push_back(s);
    }
  }

  bool run() { return choose_chain(0); }

 private:
  bool choose_chain(int dim) {
    if (dim == problem_.dims()) {
      // Spreads do not depend on the order of loops.
      if (!judge_.spread_fits(candidate_)) return true;
      return choose_order(0);
    }
    if (layout_.slots_of(dim).empty()) return choose_chain(dim + 1);
    Candidate::Chain chain;
    return for_each_chain(layout_, dim, problem_.bounds[at(dim)], chain, [&] {
      candidate_.change(dim) = chain;
      return choose_chain(dim + 1);
    });
  }

  [[nodiscard]] bool runs(int dim, int slot) const {
    const std::vector<int>& slots = layout_.slots_of(dim);
    std::int64_t extent = problem_.bounds[at(dim)];
    for (std::size_t i = 0; i < slots.size(); ++i) {
      const std::int64_t tile = candidate_.tiles[at(dim)][i];
      if (slots[i] == slot) return tile < extent;
      extent = tile;
    }
    return false;
  }

  /// Permute the loops of more than one trip within their groups; the others do nothing, and are
  /// left out.
  bool choose_order(std::size_t t) {
    if (t == temporal_.size()) return choose_kept(0);
    const int slot = temporal_[t];
    std::vector<int> running;
    for (int d : canonical_order_[t]) {
      if (runs(d, slot)) running.push_back(d);
    }
    const auto by_rank = [&](int a, int b) {
      return layout_.rank(slot, a) < layout_.rank(slot, b);
    };
    std::sort(running.begin(), running.end());
    do {
      if (!std::is_sorted(running.begin(), running.end(), by_rank)) continue;
      auto& order = candidate_.mapping.order[t];
      order.clear();
      for (int d : running) order.push_back(static_cast<std::uint8_t>(d));
      if (!choose_order(t + 1)) return false;
    } while (std::next_permutation(running.begin(), running.end()));
    return true;
  }

  bool choose_kept(std::size_t option) {
    if (option == layout_.options().size()) {
      judge_.judge(candidate_);
      return !stop_.load(std::memory_order_relaxed);
    }
    for (bool keep : {false, true}) {
      candidate_.mapping.kept =
          (candidate_.mapping.kept & ~(1U << option)) | (keep ? 1U << option : 0U);
      if (!choose_kept(option + 1)) return false;
    }
    return true;
  }

  const problem::Problem& problem_;
  const mapping::Layout& layout_;
  Judge& judge_;
  const std::atomic<bool>& stop_;
  Candidate candidate_;
  decltype(cost::ChainedMapping::order) canonical_order_;
  std::vector<int> temporal_;  ///< slots
};

// Extents beyond this are not counted: their mapspaces are large whatever the rest is.
constexpr std::int64_t kMaxCountedExtent = 1LL << 20;

/// Number of chains of a dim, as `for_each_chain` visits them; a real number, since it may be huge.
double count_chains(const mapping::Layout& layout, int dim, std::int64_t bound) {
  const std::vector<int>& slots = layout.slots_of(dim);
  if (bound > kMaxCountedExtent) return static_cast<double>(bound);
  const auto size = static_cast<std::size_t>(bound) + 1;
  // sums[e]: chains from slot i on, of the extents up to e.
  std::vector<double> sums(size);
  std::vector<double> chains(size);
  for (std::size_t i = slots.size(); i-- > 0;) {
    const mapping::Slot& slot = layout.slots()[at(slots[i])];
    const std::int64_t fixed = layout.fixed_tile(slots[i], dim);
    for (std::int64_t e = 1; e <= bound; ++e) {
      const std::int64_t smallest = smallest_that_fits(slot, e);
      double& count = chains[static_cast<std::size_t>(e)];
      if (i + 1 == slots.size()) {
        count = smallest == 1 ? 1 : 0;
        continue;
      }
      const std::int64_t largest = fixed > 0 ? std::min(fixed, e) : e;
      const std::int64_t first = fixed > 0 ? std::max(smallest, largest) : smallest;
      count = first > largest ? 0
                              : sums[static_cast<std::size_t>(largest)] -
                                    sums[static_cast<std::size_t>(first - 1)];
    }
    for (std::size_t e = 1; e < size; ++e) sums[e] = sums[e - 1] + chains[e];
  }
  return chains.back();
}

}  // namespace

std::uint64_t count_points(const problem::Problem& problem, const mapping::Layout& layout,
                           std::uint64_t limit) {
  double points = 1;
  std::vector<int> loops_in(layout.slots().size(), 0);
  for (int d = 0; d < problem.dims(); ++d) {
    if (layout.slots_of(d).empty()) continue;
    for (int slot : layout.slots_of(d)) ++loops_in[at(slot)];
    points *= count_chains(layout, d, problem.bounds[at(d)]);
  }
  for (std::size_t s = 0; s < loops_in.size(); ++s) {
    if (layout.slots()[s].spatial) continue;
    for (int k = 2; k <= loops_in[s]; ++k) points *= k;
  }
  points *= static_cast<double>(1ULL << layout.options().size());
  return points <= static_cast<double>(limit) ? static_cast<std::uint64_t>(points) : limit + 1;
}

bool enumerate(const problem::Problem& problem, const mapping::Layout& layout, Judge& judge,
               const std::atomic<bool>& stop) {
  return Enumeration(problem, layout, judge, stop).run();
}

}  // namespace dnnaccel::mapper
