#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "sim/activity.hpp"
#include "sim/systolic_clock.hpp"

namespace dnnaccel::sim {

/// Adds up what the elements of a systolic array do in the cycles of its folds. Of every element,
/// active and stalled cycles together are all cycles.
class SystolicActivity {
 public:
  SystolicActivity(std::int64_t rows, std::int64_t columns, Stationary stationary,
                   bool double_buffered);

  /// The next fold. Rows and columns of it for which a span is not 0 hold nothing and only pass
  /// words on; empty spans: all work.
  void fold(const FoldShape& shape, const FoldCycles& cycles,
            std::span<const std::uint8_t> empty_rows = {},
            std::span<const std::uint8_t> empty_columns = {});
  /// All folds have ended.
  Activity finish(std::uint64_t cycles);

 private:
  struct Element {
    std::uint64_t seen = 0;  ///< cycles that are accounted for
    bool worked = false;     ///< in the last fold
  };
  /// By how much the memories above held a fold up.
  std::uint64_t lateness(const FoldShape& shape, const FoldCycles& cycles);
  void work(std::size_t element, std::uint64_t skew, const FoldShape& shape,
            const FoldCycles& cycles, std::uint64_t late);
  void idle(std::size_t element, std::uint64_t skew, const FoldShape& shape,
            const FoldCycles& cycles);
  void wait(std::size_t element, std::uint64_t cycles, Stall why);
  void trail(std::size_t element, std::uint64_t end);
  [[nodiscard]] bool overlaps() const { return any_ && double_buffered_; }

  Stationary stationary_;
  bool double_buffered_;
  Activity activity_;
  std::vector<Element> elements_;
  SystolicClock undisturbed_;  ///< as if no fold ever waited for the memories above
  bool any_ = false;
  FoldShape last_shape_;
  FoldCycles last_;
};

}  // namespace dnnaccel::sim
