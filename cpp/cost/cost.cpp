#include "cost/cost.hpp"

#include <algorithm>
#include <cmath>

namespace dnnaccel::cost {

namespace {

constexpr std::size_t at(int i) { return static_cast<std::size_t>(i); }

/// Cycles that one instance of a memory needs for words spread evenly over the working ones.
double busy(const arch::Memory& memory, double reads, double writes, std::uint64_t instances) {
  const double share = instances == 0 ? 0.0 : 1.0 / static_cast<double>(instances);
  return share * std::max({reads / memory.read_bandwidth, writes / memory.write_bandwidth,
                           (reads + writes) / memory.shared_bandwidth});
}

/// Words that go down and up between a memory and its parents.
struct Transfer {
  PerLevel<double> down{};  ///< by parent
  PerLevel<double> up{};
  double received = 0;
  double drained = 0;
};

double transfer_cycles(const arch::Architecture& architecture, const Counts& counts, int level,
                       const Transfer& transfer) {
  double cycles = busy(*architecture.memory(level), transfer.drained, transfer.received,
                       counts.instances[at(level)]);
  for (int parent = 0; parent < level; ++parent) {
    const arch::Memory* memory = architecture.memory(parent);
    if (memory == nullptr) continue;
    cycles = std::max(cycles, busy(*memory, transfer.down[at(parent)], transfer.up[at(parent)],
                                   counts.instances[at(parent)]));
  }
  return cycles;
}

/// All refills of a memory, or only the first tile in and the last one out.
Transfer transfer_of(const Counts& counts, int level, bool ramp_only) {
  Transfer transfer;
  for (int r = 0; r < kRoles; ++r) {
    const RampCount& ramp = counts.ramps[at(level)][at(r)];
    if (ramp.parent < 0) continue;
    const MemoryCount& memory = counts.memories[at(level)][at(r)];
    const bool outputs = r == problem::index(problem::Role::outputs);
    const auto parent = at(ramp.parent);
    if (ramp_only) {
      (outputs ? transfer.up : transfer.down)[parent] += static_cast<double>(ramp.sent);
      (outputs ? transfer.drained : transfer.received) += static_cast<double>(ramp.received);
      continue;
    }
    transfer.received += static_cast<double>(memory.filled);
    transfer.drained += static_cast<double>(memory.drained);
    transfer.down[parent] += static_cast<double>(outputs ? memory.filled : memory.sent);
    if (outputs) transfer.up[parent] += static_cast<double>(memory.sent);
  }
  return transfer;
}

void price_latency(const arch::Architecture& architecture, const Counts& counts, Cost& cost) {
  cost.compute_cycles = static_cast<double>(counts.steps);
  double slowest = 0;
  for (int level = 0; level < architecture.size(); ++level) {
    const arch::Memory* memory = architecture.memory(level);
    if (memory == nullptr) continue;
    double reads = 0;
    double writes = 0;
    for (const MemoryCount& count : counts.memories[at(level)]) {
      reads += static_cast<double>(count.reads);
      writes += static_cast<double>(count.writes);
    }
    const double cycles = busy(*memory, reads, writes, counts.instances[at(level)]);
    cost.level_cycles[at(level)] = cycles;
    if (cycles > slowest) {
      slowest = cycles;
      cost.bound_by = level;
    }
    if (level == 0 || memory->buffering == arch::Buffering::stream) continue;
    const bool twofold = memory->buffering == arch::Buffering::twofold;
    const double waits =
        transfer_cycles(architecture, counts, level, transfer_of(counts, level, twofold));
    (twofold ? cost.ramp_cycles : cost.exposed_cycles) += waits;
  }
  const double working = cost.compute_cycles + cost.exposed_cycles;
  if (slowest <= working) cost.bound_by = -1;
  cost.cycles =
      static_cast<std::uint64_t>(std::ceil(std::max(working, slowest) + cost.ramp_cycles));
}

void price_energy(const arch::Architecture& architecture, const Counts& counts, Cost& cost) {
  cost.mac_energy = static_cast<double>(counts.macs) * architecture.mac_energy;
  cost.energy = cost.mac_energy;
  for (int level = 0; level < architecture.size(); ++level) {
    for (int r = 0; r < kRoles; ++r) {
      if (const arch::Memory* memory = architecture.memory(level)) {
        const MemoryCount& count = counts.memories[at(level)][at(r)];
        double& energy = cost.memory_energy[at(level)][at(r)];
        energy = static_cast<double>(count.reads) * memory->read_energy +
                 static_cast<double>(count.writes) * memory->write_energy;
        cost.energy += energy;
        continue;
      }
      const arch::Array& array = *architecture.array(level);
      const NetworkCount& count = counts.networks[at(level)][at(r)];
      double& energy = cost.network_energy[at(level)][at(r)];
      switch (array.charge[at(r)]) {
        case arch::Charge::none:
          break;
        case arch::Charge::delivery:
          energy = static_cast<double>(count.delivered + count.returned) * array.energy;
          break;
        case arch::Charge::hop:
          energy = static_cast<double>(count.hops) * array.energy;
          break;
      }
      cost.energy += energy;
    }
  }
}

}  // namespace

Cost price(const arch::Architecture& architecture, const Counts& counts) {
  Cost cost;
  price_latency(architecture, counts, cost);
  price_energy(architecture, counts, cost);
  return cost;
}

}  // namespace dnnaccel::cost
