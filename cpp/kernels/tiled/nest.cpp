#include "kernels/tiled/nest.hpp"

#include <algorithm>
#include <stdexcept>
#include <string_view>

namespace dnnaccel::kernels {

namespace {

/// No more parts than this are listed for the threads.
constexpr std::size_t kMostParts = 1 << 16;

NestLoop checked(const std::pair<std::string, std::int64_t>& loop) {
  const std::size_t at = std::string_view(kDimNames).find(loop.first);
  if (loop.first.size() != 1 || at == std::string_view::npos)
    throw std::invalid_argument("the nest has a loop over '" + loop.first +
                                "'; the dims are N, G, M, C, P, Q, R, S");
  if (loop.second < 1)
    throw std::invalid_argument("the loop over " + loop.first + " has step " +
                                std::to_string(loop.second) + "; it must be at least 1");
  return {static_cast<Dim>(at), loop.second};
}

void add_starts(std::int64_t begin, std::int64_t end, const std::vector<std::int64_t>& tiles,
                std::size_t depth, std::vector<std::int64_t>& starts) {
  if (depth == tiles.size()) return starts.push_back(begin);
  for (std::int64_t at = begin; at < end; at += tiles[depth])
    add_starts(at, std::min(at + tiles[depth], end), tiles, depth + 1, starts);
}

}  // namespace

Nest::Nest(const ConvShape& shape, const std::vector<std::pair<std::string, std::int64_t>>& loops,
           const TileLevel& level) {
  whole_.end = {
      shape.batch,        shape.groups,      shape.group_outputs(), shape.group_channels(),
      shape.out_height(), shape.out_width(), shape.kernel_height,   shape.kernel_width};
  if (loops.size() > kMostLoops)
    throw std::invalid_argument("a nest has at most " + std::to_string(kMostLoops) +
                                " loops, not " + std::to_string(loops.size()));
  inside_ = whole_.end;
  for (const auto& given : loops) {
    const NestLoop loop = checked(given);
    if (loop.tile >= inside_[loop.dim]) continue;
    inside_[loop.dim] = loop.tile;
    loops_.push_back(loop);
  }
  while (!loops_.empty() && reduced(loops_.back().dim) && fits(level)) {
    loops_.pop_back();
    measure();
  }
}

bool Nest::fits(const TileLevel& level) const {
  const std::int64_t vectors = (inside_[kM] + level.lanes - 1) / level.lanes;
  return inside_[kG] == 1 && vectors <= kMaxVectors &&
         inside_[kN] * inside_[kP] * inside_[kQ] <= level.columns[vectors - 1].rows;
}

void Nest::measure() {
  inside_ = whole_.end;
  for (const NestLoop& loop : loops_) inside_[loop.dim] = loop.tile;
}

std::vector<std::int64_t> Nest::starts(Dim dim) const {
  std::vector<std::int64_t> tiles;
  for (const NestLoop& loop : loops_) {
    if (loop.dim == dim) tiles.push_back(loop.tile);
  }
  std::vector<std::int64_t> starts;
  add_starts(0, whole_.end[dim], tiles, 0, starts);
  return starts;
}

Nest::Parts Nest::parts(std::int64_t wanted) const {
  Parts parts{{whole_}, 0};
  while (static_cast<std::int64_t>(parts.boxes.size()) < wanted &&
         parts.first_loop < loops_.size() && !reduced(loops_[parts.first_loop].dim)) {
    const NestLoop loop = loops_[parts.first_loop];
    std::vector<Box> cut;
    for (const Box& box : parts.boxes) {
      for (std::int64_t at = box.begin[loop.dim]; at < box.end[loop.dim]; at += loop.tile) {
        if (cut.size() == kMostParts) return parts;
        cut.push_back(box);
        cut.back().begin[loop.dim] = at;
        cut.back().end[loop.dim] = std::min(at + loop.tile, box.end[loop.dim]);
      }
    }
    parts.boxes = std::move(cut);
    ++parts.first_loop;
  }
  return parts;
}

}  // namespace dnnaccel::kernels
