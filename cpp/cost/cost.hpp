#pragma once

#include "cost/counts.hpp"

/// What counts cost: latency and energy.
namespace dnnaccel::cost {

/// Latency and energy of one mapping. Cycles are real numbers here and rounded up once, in
/// `cycles`.
struct Cost {
  std::uint64_t cycles = 0;
  double compute_cycles = 0;  ///< steps of the nest: one MAC per unit and step
  double exposed_cycles = 0;  ///< refills of single-buffered memories, which compute waits for
  double ramp_cycles = 0;     ///< first fill and last drain of double-buffered memories
  PerLevel<double> level_cycles{};  ///< how long each memory's ports are busy
  int bound_by = -1;                ///< level of the slowest memory, or -1 for compute
  PerLevel<PerRole<double>> memory_energy{};
  PerLevel<PerRole<double>> network_energy{};
  double mac_energy = 0;
  double energy = 0;  ///< all of the above
};

/// Price counts on an architecture.
///
/// cycles = max(compute + exposed, busiest memory) + ramp, where a memory is busy for reads / read
/// bandwidth or writes / write bandwidth, whichever is longer, or (reads + writes) / shared
/// bandwidth, spread over the instances that work; exposed is, for every single-buffered memory
/// below the top, the time its refills take through the parent's ports and its own; ramp is the
/// same for the first tile in and the last tile out of every double-buffered one.
Cost price(const arch::Architecture& architecture, const Counts& counts);

}  // namespace dnnaccel::cost
