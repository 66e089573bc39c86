#pragma once

#include <cstdint>
#include <deque>
#include <string>

#include "sim/systolic_clock.hpp"
#include "sim/systolic_fold.hpp"
#include "sim/trace.hpp"

namespace dnnaccel::sim {

/// Draws what a systolic array does: tiles that are shifted in, streams that enter, sums that
/// leave, and how many elements multiply.
class SystolicTrace {
 public:
  /// `window`: cycles of one point of the curve.
  SystolicTrace(TraceWriter& writer, const std::string& array, Stationary stationary,
                std::uint64_t window);

  /// The next fold.
  void fold(const FoldWork& work, const FoldCycles& cycles);
  /// All folds have ended.
  void finish(std::uint64_t cycles);

 private:
  void multiply(const FoldWork& work, const FoldCycles& cycles);
  void add(std::uint64_t begin, std::uint64_t end, double elements);
  void draw_before(std::uint64_t cycle);

  TraceWriter& writer_;
  Stationary stationary_;
  std::uint64_t window_;
  int loads_;
  int streams_;
  int leaving_;
  int curve_;
  std::uint64_t left_ = 0;       ///< until when sums leave that are drawn already
  std::deque<double> products_;  ///< by window, those not drawn yet
  std::uint64_t first_ = 0;      ///< window of the first of them
};

}  // namespace dnnaccel::sim
