#include "sim/tile_lanes.hpp"

#include <algorithm>

#include "base/math.hpp"

namespace dnnaccel::sim::tiles {

namespace {

constexpr std::size_t at(int i) { return static_cast<std::size_t>(i); }

}  // namespace

LaneNetwork::LaneNetwork(const problem::Problem& problem, const arch::Architecture& architecture,
                         const mapping::Nest& nest, problem::Role role, Keeper parent, Keeper child,
                         std::size_t first)
    : problem_(problem),
      nest_(nest),
      role_(role),
      parent_level_(parent.level),
      first_(first),
      way_(find_way(problem, architecture, nest, role, parent, child)),
      crossed_(way_.arrays.size() + 1) {}

std::uint64_t LaneNetwork::cross(const Position& position, std::uint64_t used) {
  std::uint64_t sent = 0;
  for (std::size_t link = 0; link < crossed_.size(); ++link) {
    const int level = link == 0 ? parent_level_ : way_.arrays[link - 1];
    const std::uint64_t crossed =
        count(position, used, [&](const Split& split) { return split.merges(level); });
    crossed_[link] += crossed;
    if (link == 0) sent = crossed;
  }
  return sent;
}

std::uint64_t LaneNetwork::once(const Position& position, std::uint64_t used) {
  return count(position, used, [](const Split& split) { return !split.above; });
}

std::uint64_t LaneNetwork::count(const Position& position, std::uint64_t used,
                                 const Merges& merges) {
  const bool any = std::any_of(way_.splits.begin(), way_.splits.end(), [&](const Split& split) {
    return split.trips > 1 && merges(split);
  });
  if (!any) return used;
  std::uint64_t words = 1;
  std::uint32_t seen = 0;
  for (const problem::Axis& axis : problem_.tensor(role_).axes) {
    find_uses(position, axis.terms[0].dim, merges, p_uses_);
    r_uses_.assign(1, Use{});
    if (axis.terms.size() > 1) find_uses(position, axis.terms[1].dim, merges, r_uses_);
    words *= count_axis(axis, p_uses_, r_uses_);
    for (const problem::Term& term : axis.terms) seen |= 1U << term.dim;
  }
  for (int d = 0; d < problem_.dims(); ++d) {
    if ((seen >> d & 1U) != 0) continue;
    find_uses(position, d, merges, p_uses_);
    std::uint64_t cells = 0;
    for (std::size_t k = 0; k < p_uses_.size(); ++k) {
      cells += k == 0 || p_uses_[k].cell != p_uses_[k - 1].cell ? 1 : 0;
    }
    words *= cells;
  }
  return words;
}

/// The indices of a dim that MACs use in the block, those of one cell side by side.
void LaneNetwork::find_uses(const Position& position, int dim, const Merges& merges,
                            std::vector<Use>& uses) {
  pieces_.assign(1, {.cell = 0, .range = {.first = 0, .size = problem_.bounds[at(dim)]}});
  for (std::size_t l = 0; l < nest_.loops.size(); ++l) {
    const mapping::NestLoop& loop = nest_.loops[l];
    if (loop.dim != dim) continue;
    const auto split = std::find_if(way_.splits.begin(), way_.splits.end(),
                                    [&](const Split& one) { return one.loop == l; });
    const bool merged = loop.spatial && merges(*split);
    const bool runs = loop.spatial || l >= first_;
    const std::int64_t trips = base::ceil_div(loop.extent, loop.tile);
    finer_.clear();
    for (const Piece& piece : pieces_) {
      for (std::int64_t n = 0; n < (runs ? trips : 1); ++n) {
        const std::int64_t k = runs ? n : position[l];
        const Range range{.first = piece.range.first + k * loop.tile,
                          .size = base::chunk(piece.range.size, loop.tile, k)};
        if (range.size == 0) continue;
        const std::uint64_t cell =
            piece.cell * static_cast<std::uint64_t>(trips) + static_cast<std::uint64_t>(k);
        finer_.push_back({.cell = runs && !merged ? cell : piece.cell, .range = range});
      }
    }
    std::swap(pieces_, finer_);
  }
  uses.clear();
  for (const Piece& piece : pieces_)
    uses.push_back({.cell = piece.cell, .index = piece.range.first});
  std::sort(uses.begin(), uses.end(), [](const Use& a, const Use& b) {
    return a.cell != b.cell ? a.cell < b.cell : a.index < b.index;
  });
}

std::uint64_t LaneNetwork::count_axis(const problem::Axis& axis, const std::vector<Use>& p,
                                      const std::vector<Use>& r) {
  std::uint64_t words = 0;
  const std::int64_t dilation = axis.terms.size() > 1 ? axis.terms[1].coefficient : 0;
  const auto cell_end = [](const std::vector<Use>& uses, std::size_t begin) {
    std::size_t end = begin;
    while (end < uses.size() && uses[end].cell == uses[begin].cell) ++end;
    return end;
  };
  for (std::size_t i = 0; i < p.size();) {
    const std::size_t i_end = cell_end(p, i);
    for (std::size_t j = 0; j < r.size();) {
      const std::size_t j_end = cell_end(r, j);
      coordinates_.clear();
      for (std::size_t a = i; a < i_end; ++a) {
        const std::int64_t start = axis.offset + axis.terms[0].coefficient * p[a].index;
        for (std::size_t b = j; b < j_end; ++b) {
          const std::int64_t x = start + dilation * r[b].index;
          if (x >= 0 && x < axis.size) coordinates_.push_back(x);
        }
      }
      if (j_end - j > 1 && i_end - i > 1) {
        std::sort(coordinates_.begin(), coordinates_.end());
        coordinates_.erase(std::unique(coordinates_.begin(), coordinates_.end()),
                           coordinates_.end());
      }
      words += coordinates_.size();
      j = j_end;
    }
    i = i_end;
  }
  return words;
}

void LaneNetwork::enter(std::uint64_t returned, cost::Counts& counts) const {
  for (std::size_t i = 0; i < way_.arrays.size(); ++i) {
    cost::NetworkCount& count = counts.networks[at(way_.arrays[i])][at(problem::index(role_))];
    count.sent = crossed_[i];
    count.delivered = crossed_[i + 1];
    count.hops = count.delivered - count.sent;
    count.returned = returned;
  }
}

}  // namespace dnnaccel::sim::tiles
