#include "mapper/lottery.hpp"

#include <algorithm>
#include <cmath>

#include "base/math.hpp"
#include "mapping/chains.hpp"

namespace dnnaccel::mapper {

namespace {

constexpr std::size_t at(int i) { return static_cast<std::size_t>(i); }

}  // namespace

Lottery::Lottery(const problem::Problem& problem, const mapping::Layout& layout, std::uint64_t seed)
    : problem_(problem), layout_(layout), random_(seed) {
  for (int s = 0; s < static_cast<int>(layout.slots().size()); ++s) {
    if (!layout.slots()[at(s)].spatial) temporal_.push_back(s);
  }
}

Candidate Lottery::draw_any() {
  Candidate candidate;
  candidate.mapping.kept =
      static_cast<std::uint32_t>(random_.below(1ULL << layout_.options().size()));
  std::vector<std::int64_t> room = rooms();
  for (int d : shuffled_dims()) draw_tiles(candidate.change(d), d, room);
  draw_orders(candidate);
  return candidate;
}

std::optional<Candidate> Lottery::draw_point() {
  Candidate candidate;
  candidate.mapping.kept =
      static_cast<std::uint32_t>(random_.below(1ULL << layout_.options().size()));
  std::vector<std::int64_t> room = rooms();
  for (int d : shuffled_dims()) {
    if (!draw_factors(candidate.change(d), d, room)) return std::nullopt;
  }
  draw_orders(candidate);
  return candidate;
}

std::vector<std::int64_t> Lottery::rooms() const {
  std::vector<std::int64_t> room;
  for (const mapping::Slot& slot : layout_.slots()) room.push_back(slot.size);
  return room;
}

std::vector<int> Lottery::shuffled_dims() {
  std::vector<int> dims;
  for (int d = 0; d < problem_.dims(); ++d) dims.push_back(d);
  shuffle(dims);
  return dims;
}

void Lottery::draw_tiles(Candidate::Chain& chain, int dim, std::vector<std::int64_t>& room) {
  const std::vector<int>& slots = layout_.slots_of(dim);
  std::int64_t extent = problem_.bounds[at(dim)];
  for (std::size_t i = 0; i < slots.size(); ++i) {
    const mapping::Slot& slot = layout_.slots()[at(slots[i])];
    std::int64_t tile = extent;
    if (const std::int64_t fixed = layout_.fixed_tile(slots[i], dim); fixed > 0) {
      tile = std::min(extent, fixed);
    } else if (i + 1 == slots.size()) {
      tile = 1;
    } else if (slot.spatial) {
      if (random_.below(2) == 0) {
        const auto most = static_cast<std::size_t>(std::min(extent, room[at(slots[i])]));
        tile = base::ceil_div(extent, 1 + static_cast<std::int64_t>(random_.below(most)));
      }
    } else if (random_.below(4) != 0) {
      tile = static_cast<std::int64_t>(std::pow(static_cast<double>(extent), random_.unit()));
    }
    if (slot.spatial) room[at(slots[i])] /= base::ceil_div(extent, tile);
    extent = tile;
    chain.push_back(tile);
  }
}

/// As mapping::for_each_chain would, each choice by lot: arrays take their share first, and the
/// loops of memories what is left, exactly.
bool Lottery::draw_factors(Candidate::Chain& chain, int dim, std::vector<std::int64_t>& room) {
  const std::vector<int>& slots = layout_.slots_of(dim);
  mapping::Chain tiles;
  for (std::size_t i = 0; i < slots.size(); ++i) tiles.push_back(1);
  mapping::Chain factors = tiles;
  for (const mapping::Segment& segment : mapping::segments(problem_, layout_, dim)) {
    std::int64_t positions = segment.positions();
    for (std::size_t i : segment.spatial) {
      std::int64_t& left = room[at(slots[i])];
      const bool whole = segment.temporal.empty() && i == segment.spatial.back();
      const std::int64_t factor =
          draw_spread(positions, layout_.slots()[at(slots[i])].size, left, whole);
      factors[i] = factor;
      left /= factor;
      positions = base::ceil_div(positions, factor);
    }
    if (segment.temporal.empty() && positions > 1) return false;
    draw_loops(positions, segment, factors);
    mapping::write_tiles(segment, factors, tiles);
  }
  for (std::int64_t tile : tiles) chain.push_back(tile);
  return true;
}

std::int64_t Lottery::draw_spread(std::int64_t positions, std::int64_t size, std::int64_t room,
                                  bool whole) {
  if (whole && positions <= room) return positions;
  std::vector<std::int64_t> factors = mapping::spatial_factors(positions, size);
  std::erase_if(factors, [room](std::int64_t factor) { return factor > room; });
  return factors.empty() ? 1 : factors[random_.below(factors.size())];
}

void Lottery::draw_loops(std::int64_t positions, const mapping::Segment& segment,
                         mapping::Chain& factors) {
  const std::vector<std::size_t>& places = segment.temporal;
  // Half of all draws go to the outermost memory: its loops make the tiles inside smaller, and most
  // memories want those.
  const auto place = [&]() -> std::int64_t& {
    return factors[random_.below(2) == 0 ? places.front() : places[random_.below(places.size())]];
  };
  for (std::int64_t prime = 2; prime * prime <= positions; ++prime) {
    for (; positions % prime == 0; positions /= prime) place() *= prime;
  }
  if (positions > 1) place() *= positions;
}

void Lottery::draw_orders(Candidate& candidate) {
  for (std::size_t t = 0; t < temporal_.size(); ++t) {
    auto& order = candidate.mapping.order[t];
    for (int d = 0; d < problem_.dims(); ++d) {
      if (layout_.splits(temporal_[t], d)) order.push_back(static_cast<std::uint8_t>(d));
    }
    shuffle(order);
    std::stable_sort(order.begin(), order.end(), [&](int a, int b) {
      return layout_.rank(temporal_[t], a) < layout_.rank(temporal_[t], b);
    });
  }
}

template <typename Items>
void Lottery::shuffle(Items& items) {
  for (std::size_t i = items.size(); i > 1; --i) {
    std::swap(items.begin()[i - 1], items.begin()[random_.below(i)]);
  }
}

}  // namespace dnnaccel::mapper
