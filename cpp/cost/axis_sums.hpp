#pragma once

#include <cstdint>
#include <span>

#include "base/small_vector.hpp"
#include "mapping/mapping.hpp"

/// Sums over one axis of a tensor, of which every word count is a product.
///
/// A dim is cut by a chain of steps, outermost first. For one sum each step plays a part:
/// - `outer`: a temporal loop whose positions are summed over
/// - `own`: the temporal loop that steps: positions 1, 2, ... are summed over, against the one
///   before
/// - `inner`: a temporal loop inside it: the new tile stands at its start, the old one where this
///   instance last worked
/// - `summed`: a spatial split whose instances count separately
/// - `united`: a spatial split whose instances share what is sent
/// `fetched` sums the words of new tiles, `kept` those of them that need not be sent because every
/// instance that needs them held them before the step.
namespace dnnaccel::cost {

enum class Part : std::uint8_t { outer, own, inner, summed, united };

struct Step {  // without initialisers: chains of them are built millions of times
  std::int64_t tile;
  Part part;
  /// Outputs only: a memory that keeps them stands right below this step, and takes its children's
  /// sums before it leaves its tile.
  bool keeper_below;
  bool operator==(const Step&) const = default;
};

using Steps = base::SmallVector<Step, mapping::kMaxLoops>;
using StepSpan = std::span<const Step>;

/// Axis with one dim of coefficient 1, whole: M, C, N ...
std::uint64_t plain_fetched(std::int64_t extent, StepSpan steps);
std::uint64_t plain_kept(std::int64_t extent, StepSpan steps);

/// A dim that the tensor lacks, as an axis of size 1: its set is {0} where an instance works.
/// What is kept is counted by the same function, since a word {0} never changes.
std::uint64_t absent(std::int64_t extent, StepSpan steps);

/// Length of the last chunk of a dim, summed over the instances that hold it (temporal steps stand
/// at their last position, spatial ones count): the last tile to drain.
std::uint64_t plain_last(std::int64_t extent, StepSpan steps);

/// Two dims on one axis (or one with a stride): {p * coefficient_p + r * coefficient_r + offset},
/// clipped to [0, size).
struct Window {
  std::int64_t coefficient[2] = {1, 1};
  std::int64_t offset = 0;
  std::int64_t size = 1;
};

enum class WindowSum : std::uint8_t {
  fetched,
  kept,       ///< words every instance that needs them held
  forwarded,  ///< words any working sibling held
  largest,    ///< not a sum: the largest single tile
};

std::uint64_t window_sum(const Window& window, WindowSum what, std::int64_t extent_p,
                         StepSpan steps_p, std::int64_t extent_r, StepSpan steps_r);

}  // namespace dnnaccel::cost
