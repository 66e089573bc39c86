#include "mapping/mapspace.hpp"

#include <algorithm>
#include <stdexcept>

namespace dnnaccel::mapping {

namespace {

constexpr std::size_t at(int i) { return static_cast<std::size_t>(i); }

}  // namespace

Layout::Layout(const problem::Problem& problem, const arch::Architecture& architecture,
               const Mapspace& space)
    : space_(space) {
  if (space.levels.size() != architecture.levels.size()) {
    throw std::invalid_argument("mapspace: one rule for each level of the architecture");
  }
  for (int level = 0; level < architecture.size(); ++level) {
    const LevelRule& rule = space.levels[at(level)];
    if (const arch::Array* array = architecture.array(level)) {
      slots_.push_back({.level = level, .axis = 0, .spatial = true, .size = array->rows});
      slots_.push_back({.level = level, .axis = 1, .spatial = true, .size = array->columns});
      continue;
    }
    slots_.push_back({.level = level});
    for (int r = 0; r < problem::kRoles; ++r) {
      if ((rule.optional >> r & 1U) != 0) options_.push_back({level, 1U << r});
    }
  }
  for (int d = 0; d < problem.dims(); ++d) {
    if (problem.bounds[at(d)] == 1) continue;
    for (std::size_t s = 0; s < slots_.size(); ++s) {
      const Slot& slot = slots_[s];
      const bool allowed = (space.levels[at(slot.level)].dims[at(slot.axis)] >> d & 1U) != 0;
      if (allowed && !(slot.spatial && slot.size == 1)) {
        slots_of_[at(d)].push_back(static_cast<int>(s));
      }
    }
    if (slots_of_[at(d)].empty()) {
      throw std::invalid_argument("no level may split dim " + problem.dim_names[at(d)]);
    }
  }
}

bool Layout::splits(int slot, int dim) const {
  const std::vector<int>& slots = slots_of(dim);
  return std::find(slots.begin(), slots.end(), slot) != slots.end();
}

std::int64_t Layout::fixed_tile(int slot, int dim) const {
  const Slot& where = slots_[at(slot)];
  return space_.levels[at(where.level)].fixed_tile[at(where.axis)][at(dim)];
}

int Layout::rank(int slot, int dim) const {
  const std::vector<std::uint32_t>& order = space_.levels[at(slots_[at(slot)].level)].order;
  for (std::size_t group = 0; group < order.size(); ++group) {
    if ((order[group] >> dim & 1U) != 0) return static_cast<int>(group) + 1;
  }
  return 0;
}

}  // namespace dnnaccel::mapping
