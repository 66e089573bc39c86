#pragma once

#include <chrono>
#include <cstdint>

#include "sim/tile_values.hpp"

namespace dnnaccel::sim::tiles {

/// Thrown where a run is told to stop, and caught where it began.
struct Stopped {};

/// Says how far a run is, not more often than is of use to anyone.
class Poll {
 public:
  Poll(const ValuesProgress& progress, std::uint64_t total) : progress_(progress), total_(total) {}

  void operator()(std::uint64_t done) {
    if (!progress_) return;
    const auto now = std::chrono::steady_clock::now();
    if (now < next_) return;
    next_ = now + std::chrono::milliseconds(50);
    if (!progress_(done, total_)) throw Stopped();
  }

 private:
  const ValuesProgress& progress_;
  std::uint64_t total_ = 0;
  std::chrono::steady_clock::time_point next_ = std::chrono::steady_clock::now();
};

}  // namespace dnnaccel::sim::tiles
