#include "mapping/mapping.hpp"

#include <stdexcept>
#include <string>

#include "base/math.hpp"

namespace dnnaccel::mapping {

namespace {

[[noreturn]] void refuse(const std::string& what) { throw std::invalid_argument(what); }

const std::string& level_name(const arch::Level& level) {
  return std::visit([](const auto& one) -> const std::string& { return one.name; }, level);
}

void check_keeps(const arch::Memory& memory, std::uint32_t keeps, bool outermost) {
  if ((keeps & ~memory.keeps) != 0) {
    for (int r = 0; r < problem::kRoles; ++r) {
      if ((keeps & ~memory.keeps & (1U << r)) != 0) {
        refuse("level " + memory.name + " cannot keep " +
               problem::name(static_cast<problem::Role>(r)));
      }
    }
  }
  if (outermost && keeps != problem::kAllRoles) {
    refuse("the outermost level " + memory.name + " must keep inputs, weights and outputs");
  }
}

}  // namespace

Nest flatten(const problem::Problem& problem, const arch::Architecture& architecture,
             const Mapping& mapping) {
  if (mapping.levels.size() != architecture.levels.size()) {
    refuse("the mapping has " + std::to_string(mapping.levels.size()) + " levels, the chip " +
           std::to_string(architecture.levels.size()));
  }
  Nest nest;
  std::array<std::int64_t, problem::kMaxDims> extent{};
  for (int d = 0; d < problem.dims(); ++d) {
    extent[static_cast<std::size_t>(d)] = problem.bounds[static_cast<std::size_t>(d)];
  }
  for (int level = 0; level < architecture.size(); ++level) {
    const LevelMapping& here = mapping.levels[static_cast<std::size_t>(level)];
    const std::string& name = level_name(architecture.levels[static_cast<std::size_t>(level)]);
    const arch::Array* array = architecture.array(level);
    if (array == nullptr) check_keeps(*architecture.memory(level), here.keeps, level == 0);
    nest.above[static_cast<std::size_t>(level)] = static_cast<std::uint8_t>(nest.loops.size());
    std::array<std::int64_t, 2> used = {1, 1};
    for (const Loop& loop : here.loops) {
      if (loop.dim < 0 || loop.dim >= problem.dims()) {
        refuse("level " + name + ": a loop over a dim that the layer has not");
      }
      if (loop.tile < 1) refuse("level " + name + ": a loop step must be at least 1");
      std::int64_t& current = extent[static_cast<std::size_t>(loop.dim)];
      if (loop.tile >= current) continue;  // one trip: no loop
      if (nest.loops.size() == kMaxLoops) {
        refuse("more than " + std::to_string(kMaxLoops) + " loops of more than one trip");
      }
      nest.loops.push_back({.tile = loop.tile,
                            .extent = current,
                            .dim = loop.dim,
                            .level = level,
                            .spatial = array != nullptr});
      if (array != nullptr) {
        if (loop.axis < 0 || loop.axis > 1) refuse("level " + name + ": an array has two axes");
        used[static_cast<std::size_t>(loop.axis)] *= base::ceil_div(current, loop.tile);
        const std::int64_t size = loop.axis == 0 ? array->rows : array->columns;
        if (used[static_cast<std::size_t>(loop.axis)] > size) {
          refuse("level " + name + (loop.axis == 0 ? ".rows" : ".columns") + " spreads over " +
                 std::to_string(used[static_cast<std::size_t>(loop.axis)]) + " instances and has " +
                 std::to_string(size));
        }
      }
      current = loop.tile;
    }
  }
  nest.above[architecture.levels.size()] = static_cast<std::uint8_t>(nest.loops.size());
  for (int d = 0; d < problem.dims(); ++d) {
    const std::int64_t left = extent[static_cast<std::size_t>(d)];
    if (left != 1) {
      refuse("dim " + problem.dim_names[static_cast<std::size_t>(d)] +
             " is cut down to chunks of " + std::to_string(left) +
             " only; a MAC takes chunks of 1");
    }
  }
  return nest;
}

}  // namespace dnnaccel::mapping
