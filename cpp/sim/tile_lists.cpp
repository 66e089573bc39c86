#include "sim/tile_lists.hpp"

#include <algorithm>

#include "base/math.hpp"

namespace dnnaccel::sim::tiles {

namespace {

constexpr std::size_t at(int i) { return static_cast<std::size_t>(i); }

std::int64_t trips(const mapping::NestLoop& loop) { return base::ceil_div(loop.extent, loop.tile); }

Range cut(Range range, std::int64_t tile, std::int64_t k) {
  return {.first = range.first + k * tile, .size = base::chunk(range.size, tile, k)};
}

std::uint64_t count_from(const mapping::Nest& nest, int dim, std::size_t loop,
                         std::int64_t extent) {
  while (loop < nest.loops.size() && nest.loops[loop].dim != dim) ++loop;
  if (loop == nest.loops.size() || extent == 0) return extent > 0 ? 1 : 0;
  const std::int64_t tile = nest.loops[loop].tile;
  const std::uint64_t full = count_from(nest, dim, loop + 1, std::min(extent, tile));
  if (nest.loops[loop].spatial) return full;
  return static_cast<std::uint64_t>(extent / tile) * full +
         count_from(nest, dim, loop + 1, extent % tile);
}

}  // namespace

IndexLists::IndexLists(const problem::Problem& problem, const mapping::Nest& nest, int dim,
                       std::size_t first, int above)
    : nest_(nest), whole_{.first = 0, .size = problem.bounds[at(dim)]}, first_(first) {
  std::size_t parts = 1;
  for (std::size_t l = 0; l < at(above); ++l) {
    if (nest.loops[l].dim != dim) continue;
    loops_.push_back(l);
    if (nest.loops[l].spatial) parts *= static_cast<std::size_t>(trips(nest.loops[l]));
  }
  lists_.resize(parts);
}

void IndexLists::stand_at(const Position& position) {
  ranges_.assign(1, {whole_});
  for (const std::size_t l : loops_) {
    const mapping::NestLoop& loop = nest_.loops[l];
    const bool split = loop.spatial;
    const bool runs = !split && l >= first_;
    const std::size_t pieces = split ? static_cast<std::size_t>(trips(loop)) : 1;
    finer_.assign(ranges_.size() * pieces, {});
    for (std::size_t part = 0; part < ranges_.size(); ++part) {
      for (const Range& range : ranges_[part]) {
        for (std::int64_t k = 0; k < (split || runs ? trips(loop) : 1); ++k) {
          const Range piece = cut(range, loop.tile, split || runs ? k : position[l]);
          if (piece.size == 0) continue;
          finer_[part * pieces + (split ? static_cast<std::size_t>(k) : 0)].push_back(piece);
        }
      }
    }
    std::swap(ranges_, finer_);
  }
  for (std::size_t part = 0; part < lists_.size(); ++part) {
    List& list = lists_[part];
    if (list.version != 0 && list.ranges == ranges_[part]) continue;
    list.version = ++versions_;
    list.ranges = ranges_[part];
    list.indices.clear();
    for (const Range& range : list.ranges) {
      for (std::int64_t i = 0; i < range.size; ++i) list.indices.push_back(range.first + i);
    }
  }
}

std::uint64_t count_positions(const problem::Problem& problem, const mapping::Nest& nest, int dim,
                              std::size_t first, const Position& position) {
  std::int64_t extent = problem.bounds[at(dim)];
  for (std::size_t l = 0; l < first; ++l) {
    if (nest.loops[l].dim != dim) continue;
    extent = base::chunk(extent, nest.loops[l].tile, nest.loops[l].spatial ? 0 : position[l]);
  }
  return count_from(nest, dim, first, extent);
}

}  // namespace dnnaccel::sim::tiles
