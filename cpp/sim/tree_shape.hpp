#pragma once

#include <cstdint>
#include <vector>

#include "arch/architecture.hpp"
#include "mapping/mapping.hpp"
#include "problem/problem.hpp"

/// What a mapping asks of an array of multipliers with an adder tree for each column.
namespace dnnaccel::sim::tree {

/// One of the instances over which a dim is spread: its indices begin `offset` behind those of the
/// first, and it takes `room` of them at most.
struct Digit {
  std::int64_t offset = 0;
  std::int64_t room = 0;
};

/// A dim that is spread along one axis of the array.
struct Spread {
  int dim = 0;
  bool on_rows = false;
  bool multicast = false;  ///< one word sent serves all of its instances
  bool same_room = true;   ///< all digits have the room of the first
  std::vector<Digit> digits;
};

/// A row or a column at work, by what it is in every spread dim of its axis.
struct Lane {
  std::vector<std::uint32_t> digits;  ///< by spread, 0 for those of the other axis
};

/// The array, the memories that it works with and the place of its loops.
struct Shape {
  int array = 0;
  std::int64_t rows = 1;  ///< of the array, at work or not
  std::int64_t columns = 1;
  int inputs = 0;      ///< level that hands out inputs
  int weights = 0;     ///< level above the array that hands out weights
  int sums = 0;        ///< level in which sums add up
  int registers = -1;  ///< level of a weight memory in every element; -1: weights come every cycle
  bool hides_loads = false;  ///< the registers are filled behind their use
  std::size_t outer = 0;     ///< loops outside a fold
  std::size_t spatial_begin = 0;
  std::size_t spatial_end = 0;
  std::vector<Spread> spreads;
  std::vector<Lane> row_lanes;
  std::vector<Lane> column_lanes;
};

/// Adder stages behind a multiplier, ceil(log2(rows)), one multiplier before and one accumulator
/// behind them. A product enters in one cycle and is in its sum so many cycles later.
std::uint64_t depth_of(std::int64_t rows);

/// Read a mapping for an array level. Throws std::domain_error with the level and the dim if such
/// an array cannot hold it.
Shape read_shape(const problem::Problem& problem, const arch::Architecture& architecture,
                 const mapping::Mapping& mapping, const mapping::Nest& nest, int array);

}  // namespace dnnaccel::sim::tree
