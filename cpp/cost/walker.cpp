#include "cost/walker.hpp"

#include <map>
#include <stdexcept>
#include <string>

#include "base/math.hpp"
#include "cost/walk_nest.hpp"
#include "cost/walk_operand.hpp"
#include "cost/walk_outputs.hpp"

namespace dnnaccel::cost {

namespace {

using problem::Role;
using walking::Depth;
using walking::Keeper;

constexpr std::uint64_t kMaxUnits = 1ULL << 18;

constexpr std::size_t at(int i) { return static_cast<std::size_t>(i); }

void refuse_long_walks(const mapping::Nest& nest) {
  std::uint64_t walk = 1;
  std::uint64_t units = 1;
  for (const mapping::NestLoop& loop : nest.loops) {
    const auto trips = static_cast<std::uint64_t>(base::ceil_div(loop.extent, loop.tile));
    if (trips > kMaxWalk / walk) {
      throw std::invalid_argument(
          "walk: more than 2^24 positions times MAC units; walk a smaller problem");
    }
    walk *= trips;
    if (loop.spatial) units *= trips;
  }
  if (units > kMaxUnits) {
    throw std::invalid_argument("walk: " + std::to_string(units) +
                                " MAC units, more than 2^18; walk a smaller problem");
  }
}

/// The levels of a nest, and compute below the last, by where they stand among the loops: levels
/// without a loop between them share their instances.
class Depths {
 public:
  Depths(const problem::Problem& problem, const mapping::Nest& nest, int levels) : nest_(nest) {
    for (int level = 0; level <= levels; ++level) {
      const int above = nest.above[at(level)];
      by_loop_.try_emplace(above, problem, nest, above);
    }
  }

  [[nodiscard]] const Depth& of(int level) const { return by_loop_.at(nest_.above[at(level)]); }

  void stand_at(const walking::Position& position, int stepped) {
    for (auto& [above, depth] : by_loop_) {
      if (stepped < above) depth.stand_at(position);
    }
  }

 private:
  const mapping::Nest& nest_;
  std::map<int, Depth> by_loop_;
};

std::vector<Keeper> keepers(const arch::Architecture& architecture, const mapping::Mapping& mapping,
                            const Depths& depths, Role role) {
  std::vector<Keeper> found;
  for (int level = 0; level < architecture.size(); ++level) {
    const bool keeps = architecture.memory(level) != nullptr &&
                       (mapping.levels[at(level)].keeps & problem::bit(role)) != 0;
    if (keeps) found.push_back({.level = level, .depth = &depths.of(level)});
  }
  found.push_back({.level = architecture.size(), .depth = &depths.of(architecture.size())});
  return found;
}

}  // namespace

Counts walk(const problem::Problem& problem, const arch::Architecture& architecture,
            const mapping::Mapping& mapping) {
  const mapping::Nest nest = mapping::flatten(problem, architecture, mapping);
  refuse_long_walks(nest);
  Depths depths(problem, nest, architecture.size());
  const auto of = [&](Role role) { return keepers(architecture, mapping, depths, role); };
  walking::Operand inputs(problem, architecture, nest, Role::inputs, of(Role::inputs));
  walking::Operand weights(problem, architecture, nest, Role::weights, of(Role::weights));
  walking::Outputs outputs(problem, architecture, nest, of(Role::outputs));
  const Depth& compute = depths.of(architecture.size());

  Counts counts;
  walking::Position position(problem, nest);
  int stepped = -1;
  do {
    depths.stand_at(position, stepped);
    inputs.step(stepped);
    weights.step(stepped);
    outputs.step(stepped);
    for (std::size_t i = 0; i < compute.instances(); ++i) counts.macs += compute.works(i) ? 1 : 0;
    ++counts.steps;
    stepped = position.next();
  } while (stepped >= 0);
  outputs.finish();
  walking::require(counts.macs == problem.macs(), "the nest does not cover the problem once");

  inputs.enter(counts);
  weights.enter(counts);
  outputs.enter(counts);
  counts.active_macs = compute.ever_worked();
  for (int level = 0; level < architecture.size(); ++level) {
    counts.instances[at(level)] = depths.of(level).ever_worked();
  }
  return counts;
}

}  // namespace dnnaccel::cost
