#pragma once

#include <cstdint>

#include "cost/counts.hpp"
#include "mapping/mapping.hpp"

/// The reference at scale: counts by walking the nest. It has nothing of the closed form's
/// mathematics, only the rules of DESIGN.md section 4, and the closed form must equal it.
namespace dnnaccel::cost {

/// Largest walk: temporal positions times MAC units, both as the loops' trip counts give them.
inline constexpr std::uint64_t kMaxWalk = 1ULL << 24;

/// Step through every temporal position of the nest, hold the tile of every instance of every
/// memory word by word, move what a new tile has and the old one had not, and carry every partial
/// sum as a number. Counts everything but `ramps` of outputs. Does not look at capacities.
///
/// Throws std::invalid_argument if the mapping does not belong to the problem and the architecture,
/// or if the walk is longer than kMaxWalk, has over 2^18 MAC units or a tensor of over 2^26 words;
/// std::logic_error if an output does not end with exactly its MACs or a word comes from where it
/// is not, which no nest can make happen.
Counts walk(const problem::Problem& problem, const arch::Architecture& architecture,
            const mapping::Mapping& mapping);

}  // namespace dnnaccel::cost
