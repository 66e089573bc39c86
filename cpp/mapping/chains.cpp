#include "mapping/chains.hpp"

#include <algorithm>
#include <cassert>
#include <set>

#include "base/math.hpp"

namespace dnnaccel::mapping {

namespace {

constexpr std::size_t at(int i) { return static_cast<std::size_t>(i); }

/// Divisors up to a limit, in no order.
template <typename Take>
void each_divisor(std::int64_t number, Take take) {
  for (std::int64_t small = 1; small * small <= number; ++small) {
    if (number % small != 0) continue;
    take(small);
    if (small * small != number) take(number / small);
  }
}

std::vector<std::int64_t> divisors(std::int64_t number) {
  std::vector<std::int64_t> all;
  each_divisor(number, [&](std::int64_t divisor) { all.push_back(divisor); });
  std::sort(all.begin(), all.end());
  return all;
}

void add_spreads(const std::vector<std::int64_t>& rooms, Spread& spread,
                 std::vector<Spread>& spreads) {
  const std::size_t i = spread.factors.size();
  if (i == rooms.size()) {
    spreads.push_back(spread);
    return;
  }
  const std::int64_t positions = spread.rest;
  for (std::int64_t factor : spatial_factors(positions, rooms[i])) {
    spread.factors.push_back(factor);
    spread.rest = base::ceil_div(positions, factor);
    add_spreads(rooms, spread, spreads);
    spread.factors.pop_back();
  }
  spread.rest = positions;
}

/// The tiles inside the outermost split of two spreads may be the same though the splits are not.
void mark_repeats(std::vector<Spread>& spreads) {
  std::set<std::vector<std::int64_t>> seen;
  for (Spread& spread : spreads) {
    const std::size_t outermost = spread.outermost();
    if (outermost == spread.factors.size()) continue;
    std::vector<std::int64_t> inside = {static_cast<std::int64_t>(outermost), spread.rest};
    inside.insert(inside.end(), spread.factors.begin() + outermost + 1, spread.factors.end());
    spread.repeats = !seen.insert(std::move(inside)).second;
  }
}

class Visit {
 public:
  Visit(const problem::Problem& problem, const Layout& layout, int dim,
        const std::function<bool(const Chain&)>& visit)
      : segments_(segments(problem, layout, dim)), visit_(visit) {
    for (const Segment& segment : segments_) spreads_.push_back(spreads(layout, dim, segment));
    for (std::size_t i = 0; i < layout.slots_of(dim).size(); ++i) {
      factors_.push_back(1);
      tiles_.push_back(1);
    }
  }

  bool segment(std::size_t n) {
    if (n == segments_.size()) return visit_(tiles_);
    const Segment& segment = segments_[n];
    for (const Spread& spread : spreads_[n]) {
      for (std::size_t i = 0; i < segment.spatial.size(); ++i) {
        factors_[segment.spatial[i]] = spread.factors[i];
      }
      if (!temporal(n, spread, 0, spread.rest)) return false;
    }
    return true;
  }

 private:
  bool temporal(std::size_t n, const Spread& spread, std::size_t i, std::int64_t rest) {
    const Segment& segment = segments_[n];
    if (i == segment.temporal.size()) {
      if (rest != 1 || (spread.repeats && !loops_outside(segment, spread))) return true;
      write_tiles(segment, factors_, tiles_);
      return this->segment(n + 1);
    }
    const bool last = i + 1 == segment.temporal.size();
    for (std::int64_t factor : last ? std::vector{rest} : divisors(rest)) {
      factors_[segment.temporal[i]] = factor;
      if (!temporal(n, spread, i + 1, rest / factor)) return false;
    }
    return true;
  }

  [[nodiscard]] bool loops_outside(const Segment& segment, const Spread& spread) const {
    const std::size_t split = segment.spatial[spread.outermost()];
    return std::any_of(segment.temporal.begin(), segment.temporal.end(),
                       [&](std::size_t i) { return i < split && factors_[i] > 1; });
  }

  std::vector<Segment> segments_;
  std::vector<std::vector<Spread>> spreads_;  ///< by segment
  const std::function<bool(const Chain&)>& visit_;
  Chain factors_;
  Chain tiles_;
};

/// Whether tiles of a segment are those of a spread, with some temporal factors.
bool means(const Segment& segment, const Spread& spread, const Chain& tiles) {
  std::int64_t inside = segment.tile;  // product of the factors inside slot i, and the last tile
  std::int64_t rest = spread.rest;
  std::size_t spatial = segment.spatial.size();
  for (std::size_t i = segment.end; i-- > segment.first;) {
    if (tiles[i] != std::min(segment.extent, inside)) return false;
    if (spatial > 0 && segment.spatial[spatial - 1] == i) {
      inside *= spread.factors[--spatial];
      continue;
    }
    const std::int64_t outside = i == segment.first ? segment.extent : tiles[i - 1];
    if (outside < segment.extent && outside % inside != 0) return false;
    // The outermost loop may have a shorter last chunk.
    const std::int64_t factor = outside == segment.extent ? rest : outside / inside;
    if (rest % factor != 0) return false;
    rest /= factor;
    inside *= factor;
  }
  return rest == 1;
}

}  // namespace

std::int64_t Segment::positions() const { return base::ceil_div(extent, tile); }

std::size_t Spread::outermost() const {
  const auto* first =
      std::find_if(factors.begin(), factors.end(), [](std::int64_t factor) { return factor > 1; });
  return static_cast<std::size_t>(first - factors.begin());
}

std::vector<Segment> segments(const problem::Problem& problem, const Layout& layout, int dim) {
  std::vector<Segment> all;
  Segment segment{.extent = problem.bounds[at(dim)]};
  const std::vector<int>& slots = layout.slots_of(dim);
  const auto finish = [&](std::size_t end, std::int64_t tile) {
    segment.end = end;
    segment.tile = std::min(tile, segment.extent);
    const Segment next{.first = end, .end = end, .extent = segment.tile};
    all.push_back(std::move(segment));
    segment = next;
  };
  for (std::size_t i = 0; i < slots.size(); ++i) {
    (layout.slots()[at(slots[i])].spatial ? segment.spatial : segment.temporal).push_back(i);
    if (const std::int64_t tile = layout.fixed_tile(slots[i], dim); tile > 0) finish(i + 1, tile);
  }
  if (segment.first < slots.size() || segment.extent > 1) finish(slots.size(), 1);
  return all;
}

std::vector<std::int64_t> spatial_factors(std::int64_t positions, std::int64_t room) {
  std::vector<std::int64_t> factors;
  each_divisor(positions, [&](std::int64_t divisor) {
    if (divisor <= room) factors.push_back(divisor);
  });
  const auto fill = [&](std::int64_t wide) {
    const std::int64_t passes = base::ceil_div(positions, std::min(positions, wide));
    factors.push_back(base::ceil_div(positions, passes));
  };
  const std::int64_t half = room / 2;
  const bool filled = std::any_of(factors.begin(), factors.end(), [&](std::int64_t divisor) {
    return divisor <= half && 4 * divisor >= 3 * half;
  });
  fill(room);
  if (half > 0 && positions > room && !filled) fill(half);
  std::sort(factors.begin(), factors.end());
  factors.erase(std::unique(factors.begin(), factors.end()), factors.end());
  return factors;
}

std::vector<Spread> spreads(const Layout& layout, int dim, const Segment& segment) {
  std::vector<std::int64_t> rooms;
  for (std::size_t i : segment.spatial) {
    rooms.push_back(layout.slots()[at(layout.slots_of(dim)[i])].size);
  }
  Spread spread;
  spread.rest = segment.positions();
  std::vector<Spread> all;
  add_spreads(rooms, spread, all);
  if (segment.temporal.empty()) {
    std::erase_if(all, [](const Spread& one) { return one.rest > 1; });
  }
  if (rooms.size() > 1) mark_repeats(all);
  return all;
}

void write_tiles(const Segment& segment, const Chain& factors, Chain& tiles) {
  std::int64_t inside = segment.tile;
  for (std::size_t i = segment.end; i-- > segment.first;) {
    tiles[i] = std::min(segment.extent, inside);
    inside *= factors[i];
  }
}

bool for_each_chain(const problem::Problem& problem, const Layout& layout, int dim,
                    const std::function<bool(const Chain&)>& visit) {
  return Visit(problem, layout, dim, visit).segment(0);
}

bool allows(const problem::Problem& problem, const Layout& layout, int dim, const Chain& tiles) {
  assert(tiles.size() == layout.slots_of(dim).size());
  const std::vector<Segment> all = segments(problem, layout, dim);
  return std::all_of(all.begin(), all.end(), [&](const Segment& segment) {
    const std::vector<Spread> some = spreads(layout, dim, segment);
    return std::any_of(some.begin(), some.end(),
                       [&](const Spread& spread) { return means(segment, spread, tiles); });
  });
}

}  // namespace dnnaccel::mapping
