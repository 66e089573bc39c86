#include "sim/systolic_clock.hpp"

#include <algorithm>

namespace dnnaccel::sim {

std::int64_t cycles_to_next(Stationary stationary, const FoldShape& fold, const FoldShape& next) {
  // Row r - 1 is the last that a sum passes: fewer rows let it out earlier.
  const std::int64_t sooner = std::max<std::int64_t>(0, fold.rows - next.rows);
  if (stationary != Stationary::outputs) return fold.steps + sooner;
  // The chain that shifts finished sums out is free, from the top row on, `rows` cycles after the
  // last product; and it must be when the next fold's sums are finished.
  return std::max(fold.steps, fold.steps - next.steps + fold.rows + sooner);
}

FoldCycles SystolicClock::fold(const FoldShape& shape, std::uint64_t ready) {
  FoldCycles now;
  // A second register in each element takes the next tile as soon as the wave of the present one
  // begins to empty it; without, loading waits for the end.
  const bool early = double_buffered_ && !waits_for_sums(stationary_, shape);
  const std::uint64_t free = !any_ ? 0 : early ? last_.start : end_;
  now.load = std::max(free, ready);
  now.start = now.load + static_cast<std::uint64_t>(shape.loads ? shape.rows : 0);
  if (any_ && double_buffered_) {
    const std::int64_t gap = cycles_to_next(stationary_, last_shape_, shape);
    now.start = std::max(now.start, last_.start + static_cast<std::uint64_t>(gap));
  }
  now.end = now.start + static_cast<std::uint64_t>(cycles_from_start(stationary_, shape));
  any_ = true;
  last_shape_ = shape;
  last_ = now;
  end_ = std::max(end_, now.end);
  return now;
}

void SystolicClock::skip(std::uint64_t cycles) {
  last_.load += cycles;
  last_.start += cycles;
  last_.end += cycles;
  end_ = std::max(end_, last_.end);
}

}  // namespace dnnaccel::sim
