#pragma once

#include <cstdint>
#include <vector>

#include "arch/architecture.hpp"
#include "base/small_vector.hpp"
#include "problem/problem.hpp"

namespace dnnaccel::mapping {

/// Longest nest that can be costed, in loops of more than one trip.
inline constexpr std::size_t kMaxLoops = 64;

/// One loop: `dim` is cut into chunks of `tile`, the last one shorter. In an array, `axis` is 0 for
/// rows and 1 for columns; a memory's loops are temporal and leave it 0.
struct Loop {
  int dim = 0;
  std::int64_t tile = 1;
  int axis = 0;
  bool operator==(const Loop&) const = default;
};

/// What one level does: its loops, outermost first (they run below a memory's storage), and the
/// roles that a memory keeps.
struct LevelMapping {
  std::vector<Loop> loops;
  std::uint32_t keeps = 0;
  bool operator==(const LevelMapping&) const = default;
};

/// A loop nest: one entry per level of the architecture, outermost first.
struct Mapping {
  std::vector<LevelMapping> levels;
  bool operator==(const Mapping&) const = default;
};

/// A loop of a nest that has more than one trip, and what it cuts.
struct NestLoop {  // without initialisers: nests are built millions of times
  std::int64_t tile;
  std::int64_t extent;  ///< fullest extent that it is given
  int dim;
  int level;
  bool spatial;
};

/// A mapping laid out flat: its loops of more than one trip, outermost first, and where each level
/// stands among them (`above[level]` loops stand above the storage of a memory, or above an array's
/// splits).
struct Nest {
  base::SmallVector<NestLoop, kMaxLoops> loops;
  std::array<std::uint8_t, arch::kMaxLevels + 1> above{};
};

/// Lay a mapping out flat. Throws std::invalid_argument, naming the level and what would be right,
/// if the mapping does not belong to the problem and the architecture (capacities are not looked at
/// here).
Nest flatten(const problem::Problem& problem, const arch::Architecture& architecture,
             const Mapping& mapping);

}  // namespace dnnaccel::mapping
