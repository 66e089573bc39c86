#pragma once

#include <array>
#include <cstdint>
#include <vector>

#include "arch/architecture.hpp"
#include "mapping/mapping.hpp"
#include "problem/problem.hpp"
#include "sim/array.hpp"

/// What a row-stationary array is asked to do: a mapping, read as rows of filters down the array,
/// rows of outputs across it, and a 1-D convolution in every processing element.
namespace dnnaccel::sim::rows {

using cost::walking::Range;

/// Indices of the dims in a problem, or -1: a dim that a problem has not is one of bound 1.
struct Dims {
  int n = -1, g = -1, m = -1, c = -1, p = -1, q = -1, r = -1, s = -1;
};

/// The indices that a fold leaves of a dim.
inline Range range_of(const Chunks& chunks, int dim) {
  return dim < 0 ? Range{.first = 0, .size = 1} : chunks[static_cast<std::size_t>(dim)];
}

/// Coordinates out * stride + filter * dilation + offset of the inputs, `size` of which are there,
/// `words` apart in memory. What lies outside is padding.
struct Window {
  std::int64_t stride = 0;
  std::int64_t dilation = 0;
  std::int64_t offset = 0;
  std::int64_t size = 1;
  std::int64_t words = 0;

  [[nodiscard]] std::int64_t at(std::int64_t out, std::int64_t filter) const {
    return out * stride + filter * dilation + offset;
  }
  [[nodiscard]] bool holds(std::int64_t x) const { return x >= 0 && x < size; }
};

/// By dim, how far apart in memory two consecutive indices of a tensor are.
using Strides = std::array<std::int64_t, problem::kMaxDims>;

/// An instance of the array: where it stands, and its piece of every spatial loop.
struct Place {
  std::int64_t row = 0;
  std::int64_t column = 0;
  std::vector<std::int64_t> pieces;
};

/// Words that the memories in an element have for a role; kUnlimitedWords where nothing limits it.
struct Spads {
  cost::PerRole<int> level{};
  cost::PerRole<std::uint64_t> words{};
};

/// All that is fixed by problem, chip and mapping.
struct Shape {
  Dims dims;
  Window rows;     ///< of inputs, from P and R
  Window columns;  ///< of inputs, from Q and S
  Strides inputs{}, weights{}, outputs{};
  mapping::Nest nest;
  std::size_t outer = 0;  ///< loops outside a fold
  std::size_t slide = 0;  ///< where the loops that slide end, and the spatial ones begin
  std::size_t inner = 0;  ///< where those of an element begin
  int array = 0;          ///< level
  std::int64_t array_rows = 1, array_columns = 1;
  cost::PerRole<int> parents{};  ///< the memories above the array, by role
  Spads spads;
  std::vector<Place> places;  ///< by instance, in the order of the nest
};

/// Read a mapping. Throws std::invalid_argument if it does not belong to the problem and the chip,
/// and std::domain_error, naming level and dim and what would be right, if it is not of the
/// row-stationary form or an element's memories do not hold its tiles.
Shape shape_of(const problem::Problem& problem, const arch::Architecture& architecture,
               const mapping::Mapping& mapping);

}  // namespace dnnaccel::sim::rows
