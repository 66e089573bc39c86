#pragma once

#include <array>
#include <atomic>
#include <cstdint>
#include <functional>
#include <span>

#include "mapping/mapping.hpp"
#include "problem/problem.hpp"
#include "sim/array.hpp"

/// Whoever takes an array that is simulated cycle by cycle through its folds, one after the other.
namespace dnnaccel::sim {

/// Where the temporal loops outside a fold stand, and what they leave to it. They run as the whole
/// nest does (DESIGN.md section 4): every chunk of a loop in turn, the last one as short as it is,
/// and no step for a chunk that would be empty.
class OuterPosition {
 public:
  /// `loops`: the first loops of the nest. Throws std::domain_error if one of them is spatial: then
  /// the array is there more than once, and this takes one array through its work.
  OuterPosition(const problem::Problem& problem, std::span<const mapping::NestLoop> loops);

  /// The indices of every dim that are left below these loops.
  [[nodiscard]] const Chunks& chunks() const { return chunks_; }
  /// MACs of these indices.
  [[nodiscard]] std::uint64_t macs() const;
  /// Go to the next position. Returns the loop that stepped (every loop inside it is back at its
  /// start), or -1 if this was the last position.
  int next();

 private:
  void descend(std::size_t from);

  std::span<const mapping::NestLoop> loops_;
  int dims_ = 0;
  Chunks chunks_{};
  /// By loop: what it was given to cut, and which piece stands below it.
  std::array<cost::walking::Range, mapping::kMaxLoops> given_{};
  std::array<std::int64_t, mapping::kMaxLoops> index_{};
};

/// How a run is watched: everything may be left out.
struct Watch {
  /// Called at the start, at the end and about every 50 ms between folds, with the MACs done and
  /// those to do; false stops the run. It may throw.
  std::function<bool(std::uint64_t, std::uint64_t)> poll;
  /// Set by somebody else to stop the run before the next fold.
  const std::atomic<bool>* stop = nullptr;
};

/// Take an array through every fold of a nest and finish it, with operands that are always in the
/// memories above. Returns whether it got to the end; if stopped, the array is not finished.
bool drive(const problem::Problem& problem, const mapping::Nest& nest, CycleArray& array,
           const Watch& watch = {});

}  // namespace dnnaccel::sim
