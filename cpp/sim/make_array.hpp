#pragma once

#include <cstdint>
#include <memory>

#include "mapping/mapping.hpp"
#include "sim/array.hpp"

namespace dnnaccel::sim {

/// The kinds of arrays that can be simulated cycle by cycle.
enum class ArrayKind : std::uint8_t { systolic, row_stationary, adder_tree };

/// Which array of a chip to simulate, and what a mapping does not say of it.
struct ArrayChoice {
  ArrayKind kind = ArrayKind::systolic;
  int level = -1;             ///< of the array
  std::uint32_t gates = 0;    ///< operands whose zeros keep a multiplier still
  std::uint32_t waiting = 0;  ///< bit d is set if the positions of dim d wait for each other
};

/// An array that only counts. All that is given must outlive it. Throws std::domain_error if it
/// cannot hold the mapping.
std::unique_ptr<CycleArray> make_array(const problem::Problem& problem,
                                       const arch::Architecture& architecture,
                                       const mapping::Mapping& mapping, const ArrayChoice& choice);

}  // namespace dnnaccel::sim
