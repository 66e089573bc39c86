#pragma once

#include <cstddef>
#include <cstdint>

#include "cost/counts.hpp"
#include "cost/walk_nest.hpp"
#include "sim/activity.hpp"

/// What every array that is simulated cycle by cycle has in common.
namespace dnnaccel::sim {

using cost::walking::Chunks;

/// Whole tensors, in row-major order of their problem's axes. All null: only count. int32_t adds up
/// exactly, float to rounding.
template <typename T>
struct Tensors {
  const T* inputs = nullptr;
  const T* weights = nullptr;
  T* outputs = nullptr;
};

/// The cycles of one fold: [begin, end). From `begin` on the array works for it, loads included; at
/// `end` its last sum has left. Folds of a pipelined array may overlap.
struct FoldTime {
  std::uint64_t begin = 0;
  std::uint64_t end = 0;
};

/// Everything an array did. Reads and writes are of the memories inside the array, and of those
/// above it only what the array itself asked them for.
struct ArrayRun {
  std::uint64_t cycles = 0;
  std::uint64_t macs = 0;
  std::uint64_t gated_macs = 0;
  cost::PerLevel<cost::PerRole<std::uint64_t>> reads{};
  cost::PerLevel<cost::PerRole<std::uint64_t>> writes{};
  Activity activity;
};

/// An array, given its part of a mapping. A fold is what it does at one position of the loops
/// outside; whoever drives it goes through these positions in the order of the nest.
class CycleArray {
 public:
  virtual ~CycleArray() = default;

  /// How many of the nest's loops (mapping::Nest::loops) stand outside a fold.
  [[nodiscard]] virtual std::size_t outer_loops() const = 0;
  /// Do one fold on these indices of every dim. Its operands are in the memories above from cycle
  /// `ready` on.
  virtual FoldTime fold(const Chunks& chunks, std::uint64_t ready) = 0;
  /// What still stands in the array leaves; nothing comes after this.
  virtual void finish() = 0;
  [[nodiscard]] virtual const ArrayRun& run() const = 0;
};

}  // namespace dnnaccel::sim
