#pragma once

#include <cstdint>
#include <vector>

#include "problem/problem.hpp"
#include "sim/steps.hpp"
#include "sim/tree_clock.hpp"
#include "sim/tree_shape.hpp"

/// What the elements of an adder-tree array ask of the memories above, word by word.
namespace dnnaccel::sim::tree {

/// Where a position of the loops stands in the dims that the array spreads: how many indices there
/// are from the first element's on, before the array cuts them, and how far the loops inside the
/// elements have come.
struct SpreadPosition {
  std::int64_t extent = 0;
  std::int64_t inner = 0;
  bool operator==(const SpreadPosition&) const = default;
};

/// The digits of every spread dim that are at work, in order.
using AliveDigits = std::vector<std::vector<std::uint32_t>>;

/// Whether a digit has work at a position.
inline bool works(const Digit& digit, const SpreadPosition& position) {
  return position.inner < digit.room && digit.offset + position.inner < position.extent;
}

/// Counts the words of an operand that one step fetches: those that one wire carries to several
/// elements once, the others for each of them, and no padding.
class FetchedWords {
 public:
  FetchedWords(const problem::Problem& problem, const Shape& shape, problem::Role role);

  /// Words of a step. `base`: the first element's indices. `version` must change whenever `alive`
  /// does.
  std::int64_t count(const Chunks& base, const AliveDigits& alive, std::uint64_t version);

 private:
  struct AxisSpread {
    std::size_t spread = 0;
    std::int64_t coefficient = 1;
  };
  struct AxisWords {
    problem::Axis axis;
    std::vector<AxisSpread> spreads;
    bool inside = true;  ///< no coordinate is padding
    std::int64_t coordinate = 0;
    std::uint64_t version = 0;
    std::int64_t words = 0;
  };

  std::int64_t count_axis(const AxisWords& one, std::int64_t coordinate, const AliveDigits& alive);
  std::int64_t distinct(const AxisWords& one, const AliveDigits& alive);
  void add_sums(const AxisWords& one, std::size_t next, std::int64_t coordinate, std::int64_t wire,
                const AliveDigits& alive);

  const Shape& shape_;
  std::vector<AxisWords> axes_;
  std::vector<std::size_t> copies_;  ///< spreads that do not move the tensor, and get a copy each
  std::vector<std::pair<std::int64_t, std::int64_t>> found_;  ///< wire, coordinate
};

/// The weights that stand in the registers, and what new ones take.
class RegisterWords {
 public:
  RegisterWords(const problem::Problem& problem, const Shape& shape);

  /// The elements at work are to hold the weights of these indices; `received` gets the words that
  /// all registers take together. An element that is not at work keeps what it has.
  Load load(const Chunks& chunks, const AliveDigits& alive, std::uint64_t version,
            std::int64_t& received);

 private:
  using Box = std::vector<Range>;  ///< by dim that moves the weights

  [[nodiscard]] Range cut(std::size_t dim, const Chunks& chunks,
                          const std::vector<std::uint32_t>& digits) const;
  Load load_alike(const Chunks& chunks, const AliveDigits& alive, std::int64_t& received) const;
  Load load_each(const Chunks& chunks, const AliveDigits& alive, std::int64_t& received);
  template <typename Visit>
  void for_each_alive(const AliveDigits& alive, Visit visit) const;

  const Shape& shape_;
  std::vector<int> dims_;            ///< that move the weights
  std::vector<int> spread_of_;       ///< by those: its spread, or -1
  std::vector<std::size_t> others_;  ///< spreads that do not move the weights
  std::vector<Box> held_;            ///< by element, in mixed radix over the spreads
  Chunks last_chunks_{};             ///< of the last fold
  AliveDigits last_alive_;
  std::uint64_t last_version_ = 0;  ///< 0: no fold so far
};

}  // namespace dnnaccel::sim::tree
