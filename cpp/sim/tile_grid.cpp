#include "sim/tile_grid.hpp"

#include <algorithm>
#include <stdexcept>

#include "base/math.hpp"

namespace dnnaccel::sim::tiles {

namespace {

std::size_t trips(const mapping::NestLoop& loop) {
  return static_cast<std::size_t>(base::ceil_div(loop.extent, loop.tile));
}

}  // namespace

Instances::Instances(const problem::Problem& problem, const mapping::Nest& nest, int above)
    : nest_(nest), above_(above), dims_(at(problem.dims())) {
  std::size_t count = 1;
  for (int d = 0; d < problem.dims(); ++d) {
    dims_[at(d)].bound = dims_[at(d)].most = problem.bounds[at(d)];
    dims_[at(d)].ranges.resize(1);
  }
  for (std::size_t l = 0; l < at(above); ++l) {
    const mapping::NestLoop& loop = nest.loops[l];
    Dim& dim = dims_[at(loop.dim)];
    dim.loops.push_back(l);
    dim.most = std::min(dim.most, loop.tile);
    if (!loop.spatial) continue;
    count *= trips(loop);
    dim.ranges.resize(dim.ranges.size() * trips(loop));
  }
  works_.resize(count);
  for (Dim& dim : dims_) {
    if (dim.ranges.size() > 1) dim.part.resize(count);
  }
  // An instance's number is in mixed radix, one digit for each spatial loop, the outermost first.
  std::size_t inside = count;
  for (std::size_t l = 0; l < at(above); ++l) {
    if (!nest.loops[l].spatial) continue;
    const std::size_t radix = trips(nest.loops[l]);
    inside /= radix;
    std::vector<std::uint32_t>& part = dims_[at(nest.loops[l].dim)].part;
    for (std::size_t i = 0; i < count; ++i) {
      part[i] = static_cast<std::uint32_t>(part[i] * radix + i / inside % radix);
    }
  }
}

void Instances::cut(Dim& dim, const Position& position) {
  std::vector<Range>& ranges = dim.ranges;
  ranges.assign(1, {.first = 0, .size = dim.bound});
  for (const std::size_t l : dim.loops) {
    const mapping::NestLoop& loop = nest_.loops[l];
    const std::size_t pieces = loop.spatial ? trips(loop) : 1;
    finer_.clear();
    for (const Range& range : ranges) {
      for (std::size_t piece = 0; piece < pieces; ++piece) {
        const std::int64_t k = loop.spatial ? static_cast<std::int64_t>(piece) : position[l];
        finer_.push_back(
            {.first = range.first + k * loop.tile, .size = base::chunk(range.size, loop.tile, k)});
      }
    }
    std::swap(ranges, finer_);
  }
}

void Instances::stand_at(const Position& position) {
  bool all = true;
  for (Dim& dim : dims_) {
    cut(dim, position);
    for (const Range& range : dim.ranges) all = all && range.size > 0;
  }
  // Who works at edges is not compared: it is a new shift each time.
  if (all && all_work_) return;
  ++shift_;
  all_work_ = all;
  std::fill(works_.begin(), works_.end(), std::uint8_t{1});
  if (all) return;
  for (const Dim& dim : dims_) {
    if (dim.part.empty()) {
      if (dim.ranges[0].size == 0) std::fill(works_.begin(), works_.end(), std::uint8_t{0});
      continue;
    }
    for (std::size_t i = 0; i < works_.size(); ++i) {
      if (dim.ranges[dim.part[i]].size == 0) works_[i] = 0;
    }
  }
}

TileGrid::TileGrid(const problem::Tensor& tensor, const Instances& instances, bool whole)
    : instances_(instances), whole_(whole) {
  for (const problem::Axis& axis : tensor.axes) {
    Axis one{.sets = AxisSets(axis), .p = axis.terms[0].dim, .now = {}, .lane = {}};
    if (axis.terms.size() > 1) one.r = axis.terms[1].dim;
    one.r_parts = one.r < 0 ? 1 : instances.parts(one.r);
    one.now.resize(instances.parts(one.p) * one.r_parts);
    if (one.now.size() > 1) {
      for (std::size_t i = 0; i < instances.count(); ++i) {
        const std::size_t p = instances.part(one.p, i);
        const std::size_t r = one.r < 0 ? 0 : instances.part(one.r, i);
        one.lane.push_back(static_cast<std::uint32_t>(p * one.r_parts + r));
      }
    }
    const std::int64_t most =
        whole ? axis.size
              : one.sets.most(instances.most(one.p), one.r < 0 ? 1 : instances.most(one.r));
    most_words_ *= static_cast<std::uint64_t>(most);
    axes_.push_back(std::move(one));
  }
}

std::vector<std::uint32_t> TileGrid::lanes_in(const TileGrid& outer, std::size_t axis) const {
  const Axis& here = axes_[axis];
  const Axis& there = outer.axes_[axis];
  const std::size_t p_fan = here.now.size() / here.r_parts / (there.now.size() / there.r_parts);
  const std::size_t r_fan = here.r_parts / there.r_parts;
  std::vector<std::uint32_t> lanes;
  for (std::size_t lane = 0; lane < here.now.size(); ++lane) {
    const std::size_t p = lane / here.r_parts / p_fan;
    const std::size_t r = lane % here.r_parts / r_fan;
    lanes.push_back(static_cast<std::uint32_t>(p * there.r_parts + r));
  }
  return lanes;
}

bool TileGrid::stand() {
  bool moved = !stood_;
  stood_ = true;
  for (Axis& axis : axes_) {
    for (std::size_t lane = 0; lane < axis.now.size(); ++lane) {
      const Range p = instances_.range(axis.p, lane / axis.r_parts);
      const Range r =
          axis.r < 0 ? Range{.first = 0, .size = 1} : instances_.range(axis.r, lane % axis.r_parts);
      const AxisSet set = whole_ ? axis.sets.whole() : axis.sets.touched(p, r);
      moved = moved || !(set == axis.now[lane]);
      axis.now[lane] = set;
    }
  }
  return moved;
}

}  // namespace dnnaccel::sim::tiles
