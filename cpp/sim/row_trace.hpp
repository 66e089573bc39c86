#pragma once

#include <cstdint>
#include <string>

#include "sim/row_clock.hpp"
#include "sim/trace.hpp"

namespace dnnaccel::sim::rows {

/// Draws what a row-stationary array does: of every pass, the loading of its filters, its bursts
/// and the leaving of its last sums, and how many products the array makes in a cycle.
class Trace {
 public:
  /// The rate of products is a mean over at least `window` cycles.
  Trace(TraceWriter& writer, const std::string& array, std::uint64_t window);

  void pass(const Phases& phases, std::uint64_t steps, std::uint64_t macs);

 private:
  TraceWriter& writer_;
  int filters_ = -1;
  int bursts_ = -1;
  int sums_ = -1;
  int rate_ = -1;
  std::uint64_t window_ = 1;
  std::uint64_t window_begin_ = 0;
  std::uint64_t window_macs_ = 0;
};

}  // namespace dnnaccel::sim::rows
