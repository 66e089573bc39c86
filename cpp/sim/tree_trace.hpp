#pragma once

#include <cstdint>
#include <string>

#include "sim/trace.hpp"

namespace dnnaccel::sim::tree {

/// Draws what an adder-tree array does: its steps, its waits, the loads of its registers, and how
/// many products it makes in a cycle.
class Trace {
 public:
  /// `registers` is empty where weights come every cycle. The rate of products is a mean over at
  /// least `window` cycles.
  Trace(TraceWriter& writer, const std::string& array, const std::string& registers,
        std::uint64_t window);

  void load(std::uint64_t begin, std::uint64_t end, std::int64_t words);
  void wait(std::uint64_t begin, std::uint64_t end, bool memory);
  /// The steps of a fold are done.
  void steps(std::uint64_t begin, std::uint64_t end, std::uint64_t steps, std::uint64_t macs);
  /// The last sums leave.
  void drain(std::uint64_t begin, std::uint64_t end);

 private:
  void close_window(std::uint64_t end);

  TraceWriter& writer_;
  int steps_ = -1;
  int waits_ = -1;
  int loads_ = -1;
  int rate_ = -1;
  std::uint64_t window_ = 1;
  std::uint64_t window_begin_ = 0;
  std::uint64_t window_macs_ = 0;
};

}  // namespace dnnaccel::sim::tree
