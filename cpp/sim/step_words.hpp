#pragma once

#include <array>
#include <cstdint>
#include <vector>

#include "cost/counts.hpp"
#include "mapping/mapping.hpp"
#include "sim/steps.hpp"

/// How many words each single step of a nest moves. The closed form sums these over all steps at
/// once; here they are apart, because a schedule asks when.
namespace dnnaccel::sim {

/// A way to look across the instances of a child: bit l is set if what the instances along spatial
/// loop l want or bring is united; they count one by one otherwise.
using Unite = std::uint64_t;

/// The words of one tensor that cross from its keeper to the next one below, at any step.
///
/// A position is given by the digits of the temporal loops above the child. A step of a loop sets
/// all loops inside it back to 0, so the words are a product over axes for what the new tiles hold,
/// less one for what was there before; both come out of small tables, one for each axis.
class StepWords {
 public:
  /// What is asked about, besides the pair of keepers.
  struct Question {
    int child_above = 0;              ///< loops that stand above the child
    int stepped = 0;                  ///< of these, the outermost that are stepped through; the
                                      ///< others are summed over
    std::vector<Unite> links;         ///< which words, each a way to unite
    std::vector<int> output_keepers;  ///< outputs: loops above each keeper below the top, down to
                                      ///< the child
    /// Of the positions that are summed over, only those at the start of all dims that the tensor
    /// lacks: where sums begin.
    bool first_only = false;
  };

  StepWords(const problem::Problem& problem, const mapping::Nest& nest,
            const cost::Keepers& keepers, const Question& question);

  /// Whether a step of this loop can move words at all.
  [[nodiscard]] bool moves(int loop) const { return loop <= innermost_; }
  /// Words of every link when `loop` has just stepped and the digits are the new ones (loops inside
  /// stand at 0), or at the first position (-1). Outputs: sums whose visit begins.
  void words(const Digits& digits, int loop, std::uint64_t* out) const;
  [[nodiscard]] std::size_t links() const { return links_; }
  /// The largest tile that one instance of the child holds.
  [[nodiscard]] std::uint64_t largest_tile() const { return largest_; }

  /// What one axis contributes at each of its positions.
  struct AxisTable {
    struct Place {
      int loop;
      std::size_t stride;
    };
    std::vector<Place> places;  ///< the loops of the axis, and what a digit of each is worth
    std::vector<std::vector<std::uint64_t>> held;  ///< by link and position: words of the tiles
    /// By way of stepping, link and position: words that were there before the step.
    std::vector<std::vector<std::vector<std::uint64_t>>> kept;
    std::vector<int> way;  ///< by nest loop: how its step is seen from this axis
    std::uint64_t largest = 1;
  };

 private:
  std::size_t links_ = 0;
  int innermost_ = -1;
  bool keeps_ = true;  ///< the child holds tiles; compute does not
  std::uint64_t largest_ = 1;
  std::vector<AxisTable> axes_;
};

/// Numbers that are products over dims: temporal positions and MACs below the loops that are
/// stepped through.
class BlockWork {
 public:
  BlockWork(const problem::Problem& problem, const mapping::Nest& nest, int stepped);

  [[nodiscard]] std::uint64_t steps(const Digits& digits) const;
  [[nodiscard]] std::uint64_t macs(const Digits& digits) const;

 private:
  struct DimTable {
    std::vector<StepWords::AxisTable::Place> places;
    std::vector<std::uint64_t> steps;
    std::vector<std::uint64_t> macs;
  };
  std::vector<DimTable> dims_;
};

/// Instances below the first `above` loops that ever work.
std::uint64_t working_instances(const problem::Problem& problem, const mapping::Nest& nest,
                                int above);

}  // namespace dnnaccel::sim
