#pragma once

#include <array>
#include <cstdint>
#include <vector>

#include "cost/walk_nest.hpp"
#include "problem/problem.hpp"

/// Where the words of whole tensors stand in memory, and in which order loops touch them.
namespace dnnaccel::sim {

/// One index of every dim.
using Indices = std::array<std::int64_t, problem::kMaxDims>;

/// What some indices add to the place of a word: to its address, and to its coordinate on every
/// axis that has padding.
struct Spot {
  std::int64_t address = 0;
  std::array<std::int64_t, problem::kMaxDims> padded{};
};

/// The words of one tensor, row-major. The spots of indices add up.
class TensorWords {
 public:
  TensorWords(const problem::Problem& problem, problem::Role role);

  /// The spot of some indices; `origin` for those of one addend.
  [[nodiscard]] Spot spot(const Indices& indices, bool origin = false) const;
  /// Whether any coordinate can be padding.
  [[nodiscard]] bool has_padding() const { return !padded_.empty(); }
  /// The address of a word, or -1 if it is padding.
  [[nodiscard]] std::int64_t find(const Spot& one, const Spot& other) const {
    for (std::size_t i = 0; i < padded_.size(); ++i) {
      const std::int64_t at = one.padded[i] + other.padded[i];
      if (at < 0 || at >= padded_[i]) return -1;
    }
    return one.address + other.address;
  }

 private:
  struct Part {
    int dim;
    std::int64_t words;   ///< that one step of the dim moves the address
    int padded;           ///< index of its padded axis, or -1
    std::int64_t stride;  ///< that one step moves the coordinate
  };
  std::vector<Part> parts_;
  std::vector<std::int64_t> padded_;  ///< sizes of the axes that have padding
  Spot origin_;
};

/// A loop that steps through a dim by chunks of `tile`.
struct StreamLoop {
  int dim = 0;
  std::int64_t tile = 1;
};

/// Goes through the positions of loops, outermost first, over ranges of their dims.
class StreamSteps {
 public:
  StreamSteps() = default;
  /// The loops must cut their dims down to 1.
  StreamSteps(std::vector<StreamLoop> loops, const cost::walking::Chunks& chunks);

  /// Indices of the loops' dims at the present position, from the ranges' first ones on.
  [[nodiscard]] const Indices& indices() const { return indices_; }
  /// Go to the next position; from the last one to the first.
  void next();

 private:
  std::vector<StreamLoop> loops_;
  std::vector<std::int64_t> position_;
  cost::walking::Chunks chunks_{};
  Indices indices_{};
};

}  // namespace dnnaccel::sim
