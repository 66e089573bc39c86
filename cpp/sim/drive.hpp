#pragma once

#include <atomic>
#include <cstdint>
#include <functional>

#include "mapping/mapping.hpp"
#include "problem/problem.hpp"
#include "sim/array.hpp"
#include "sim/trace.hpp"

/// Whoever takes an array that is simulated cycle by cycle through its folds, one after the other.
namespace dnnaccel::sim {

/// How a run is watched: everything may be left out.
struct Watch {
  /// Called at the start, at the end and about every 50 ms between folds, with the MACs done and
  /// those to do; false stops the run. It may throw.
  std::function<bool(std::uint64_t, std::uint64_t)> poll;
  /// Set by somebody else to stop the run before the next fold.
  const std::atomic<bool>* stop = nullptr;
  /// Takes a span for every fold, in the group "folds"; whoever gives it finishes it.
  TraceWriter* trace = nullptr;
};

/// Take an array through every fold of a nest and finish it, with operands that are always in the
/// memories above. Returns whether it got to the end; if stopped, the array is not finished.
/// Throws std::domain_error if a loop outside the folds is spatial: then the array is there more
/// than once, and this takes one array through its work.
bool drive(const problem::Problem& problem, const mapping::Nest& nest, CycleArray& array,
           const Watch& watch = {});

}  // namespace dnnaccel::sim
