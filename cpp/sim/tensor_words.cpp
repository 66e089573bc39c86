#include "sim/tensor_words.hpp"

#include <algorithm>

#include "base/math.hpp"

namespace dnnaccel::sim {

namespace {

constexpr std::size_t at(int i) { return static_cast<std::size_t>(i); }

bool may_leave(const problem::Axis& axis, const problem::Problem& problem) {
  std::int64_t last = axis.offset;
  for (const problem::Term& term : axis.terms) {
    last += term.coefficient * (problem.bounds[at(term.dim)] - 1);
  }
  return axis.offset < 0 || last >= axis.size;
}

}  // namespace

TensorWords::TensorWords(const problem::Problem& problem, problem::Role role) {
  const std::vector<problem::Axis>& axes = problem.tensor(role).axes;
  std::int64_t words = 1;
  for (std::size_t i = axes.size(); i-- > 0;) {
    const problem::Axis& axis = axes[i];
    int padded = -1;
    if (may_leave(axis, problem)) {
      padded = static_cast<int>(padded_.size());
      origin_.padded[padded_.size()] = axis.offset;
      padded_.push_back(axis.size);
    }
    origin_.address += axis.offset * words;
    for (const problem::Term& term : axis.terms) {
      parts_.push_back({.dim = term.dim,
                        .words = term.coefficient * words,
                        .padded = padded,
                        .stride = term.coefficient});
    }
    words *= axis.size;
  }
}

Spot TensorWords::spot(const Indices& indices, bool origin) const {
  Spot spot = origin ? origin_ : Spot{};
  for (const Part& part : parts_) {
    const std::int64_t index = indices[at(part.dim)];
    spot.address += index * part.words;
    if (part.padded >= 0) spot.padded[at(part.padded)] += index * part.stride;
  }
  return spot;
}

StreamSteps::StreamSteps(std::vector<StreamLoop> loops, const cost::walking::Chunks& chunks)
    : loops_(std::move(loops)), position_(loops_.size()), chunks_(chunks) {}

void StreamSteps::next() {
  for (std::size_t loop = loops_.size(); loop-- > 0;) {
    const StreamLoop& here = loops_[loop];
    ++position_[loop];
    indices_[at(here.dim)] += here.tile;
    // What the loops further out leave of the dim at their positions.
    std::int64_t extent = chunks_[at(here.dim)].size;
    for (std::size_t outer = 0; outer < loop; ++outer) {
      if (loops_[outer].dim != here.dim) continue;
      extent = base::chunk(extent, loops_[outer].tile, position_[outer]);
    }
    if (position_[loop] * here.tile < extent) return;
    indices_[at(here.dim)] -= position_[loop] * here.tile;
    position_[loop] = 0;
  }
}

}  // namespace dnnaccel::sim
