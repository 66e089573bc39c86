#include "cost/cost.hpp"

#include <algorithm>
#include <cmath>
#include <stdexcept>

namespace dnnaccel::cost {

using problem::Role;

namespace {

constexpr std::size_t at(int i) { return static_cast<std::size_t>(i); }
constexpr std::size_t at(Role role) { return static_cast<std::size_t>(problem::index(role)); }

/// Cycles per word; 0 for an unlimited bandwidth.
double rate(double bandwidth) { return 1.0 / bandwidth; }

/// A count below 2^63, which is quicker to convert.
double exact(std::uint64_t count) { return static_cast<double>(static_cast<std::int64_t>(count)); }

double share(double words, std::uint64_t instances) {
  return instances == 0 ? 0.0 : words / static_cast<double>(instances);
}

/// How many times over a memory's first tile of a role it was filled.
double fills(const Counts& counts, int level, std::size_t role) {
  const MemoryCount& memory = counts.memories[at(level)][role];
  const RampCount& ramp = counts.ramps[at(level)][role];
  if (ramp.parent < 0 || ramp.received == 0) return 0;
  const std::uint64_t words = role == at(Role::outputs) ? memory.drained : memory.filled;
  return static_cast<double>(words) / static_cast<double>(ramp.received);
}

}  // namespace

void Sparsity::validate() const {
  const auto check = [](double factor) {
    if (!(factor >= 0) || !std::isfinite(factor)) {
      throw std::invalid_argument("sparsity: a factor must be a number of at least 0");
    }
  };
  for (double factor : {work, steps, finished}) check(factor);
  for (double factor : crossing) check(factor);
  for (const auto* factors : {&stored, &asked}) {
    for (const auto& roles : *factors) {
      for (double factor : roles) check(factor);
    }
  }
}

std::uint64_t Sparsity::stored_words(int level, int role, std::uint64_t words) const {
  const double factor = stored[at(level)][at(role)];
  if (factor == 1) return words;
  return static_cast<std::uint64_t>(std::ceil(static_cast<double>(words) * factor));
}

struct Pricer::Transfer {
  PerLevel<double> down{};  ///< words read at a parent, by level
  PerLevel<double> up{};    ///< words written at a parent
  PerRole<double> crossing_down{};
  PerRole<double> crossing_up{};
  PerRole<int> parent = {-1, -1, -1};
  double received = 0;
  double drained = 0;
};

Pricer::Pricer(const problem::Problem& problem, const arch::Architecture& architecture,
               const Sparsity& sparsity)
    : architecture_(architecture),
      sparsity_(sparsity),
      outputs_(static_cast<double>(problem.tensor(Role::outputs).words())) {
  sparsity_.validate();
  // Counts are at most a few times the MACs.
  dense_ = sparsity_ == Sparsity{} && problem.macs() < 1ULL << 50;
  int arrays = 0;
  for (int level = 0; level < architecture.size(); ++level) {
    pe_group_[at(level)] = arrays;
    if (const arch::Memory* memory = architecture.memory(level)) {
      ports_[at(level)] = {.read = rate(memory->read_bandwidth),
                           .write = rate(memory->write_bandwidth),
                           .shared = rate(memory->shared_bandwidth)};
      continue;
    }
    ++arrays;
    for (Role role : problem::kEveryRole) {
      network_[at(level)][at(role)] = rate(architecture.array(level)->bandwidth[at(role)]);
    }
  }
  flatten();
}

void Pricer::flatten() {
  for (int level = 0; level < architecture_.size(); ++level) {
    FlatLevel flat{.level = level, .array = architecture_.array(level)};
    if (const arch::Memory* memory = architecture_.memory(level)) {
      for (std::uint8_t role = 0; role < kRoles; ++role) {
        if ((memory->keeps >> role & 1U) != 0) flat.roles.push_back(role);
      }
      flat.read_energy = memory->read_energy;
      flat.write_energy = memory->write_energy;
      flat.ports = ports_[at(level)];
      flat.limited = flat.ports.read > 0 || flat.ports.write > 0 || flat.ports.shared > 0;
      flat.waits = level > 0 && memory->buffering != arch::Buffering::stream;
      flat.twofold = memory->buffering == arch::Buffering::twofold;
      waits_ = waits_ || flat.waits;
    } else {
      for (std::uint8_t role = 0; role < kRoles; ++role) flat.roles.push_back(role);
      flat.network = network_[at(level)];
      for (double cycles_per_word : flat.network) flat.limited |= cycles_per_word > 0;
    }
    flat_.push_back(flat);
  }
}

double Pricer::busy(int level, double reads, double writes, const Counts& counts) const {
  const Ports& ports = ports_[at(level)];
  const double cycles =
      std::max({reads * ports.read, writes * ports.write, (reads + writes) * ports.shared});
  return share(cycles, counts.instances[at(level)]);
}

double Pricer::network_busy(int level, Role role, double words, const Counts& counts) const {
  return share(words * network_[at(level)][at(role)], counts.instances[at(level)]);
}

/// All refills of a memory, or only the first tile in and the last one out.
Pricer::Transfer Pricer::transfer_of(const Counts& counts, int level, bool ramp_only) const {
  Transfer transfer;
  for (Role role : problem::kEveryRole) {
    const RampCount& ramp = counts.ramps[at(level)][at(role)];
    if (ramp.parent < 0) continue;
    const MemoryCount& memory = counts.memories[at(level)][at(role)];
    const double here = sparsity_.stored[at(level)][at(role)];
    const double there = sparsity_.stored[at(ramp.parent)][at(role)];
    const bool outputs = role == Role::outputs;
    double in = static_cast<double>(outputs || !ramp_only ? memory.filled : ramp.received);
    double out = static_cast<double>(memory.drained);
    double sent = static_cast<double>(ramp_only ? ramp.sent : memory.sent);
    if (ramp_only && outputs) {
      in = 0;
      out = static_cast<double>(ramp.received);
    }
    transfer.parent[at(role)] = ramp.parent;
    transfer.received += in * here;
    transfer.drained += out * here;
    transfer.down[at(ramp.parent)] += (outputs ? in : sent) * there;
    transfer.crossing_down[at(role)] = outputs ? in : sent * here;
    if (outputs) {
      transfer.up[at(ramp.parent)] += sent * there;
      transfer.crossing_up[at(role)] = sent;
    }
  }
  return transfer;
}

double Pricer::cycles_of(const Transfer& transfer, int level, const Counts& counts) const {
  double cycles = busy(level, transfer.drained, transfer.received, counts);
  for (int above = 0; above < level; ++above) {
    if (architecture_.memory(above) != nullptr) {
      cycles =
          std::max(cycles, busy(above, transfer.down[at(above)], transfer.up[at(above)], counts));
      continue;
    }
    for (Role role : problem::kEveryRole) {
      if (transfer.parent[at(role)] < 0 || transfer.parent[at(role)] > above) continue;
      const double words =
          std::max(transfer.crossing_down[at(role)], transfer.crossing_up[at(role)]);
      cycles = std::max(cycles, network_busy(above, role, words, counts));
    }
  }
  return cycles;
}

/// Cycles in which the streamed operands of a PE fill their first tiles again, because a
/// single-buffered memory beside them (`level`) stopped the MACs to refill.
double Pricer::restarts(const Counts& counts, int level) const {
  double stops = 0;
  for (Role role : problem::kEveryRole) stops = std::max(stops, fills(counts, level, at(role)));
  double slowest = 0;
  for (int beside = 1; beside < architecture_.size(); ++beside) {
    const arch::Memory* memory = architecture_.memory(beside);
    if (memory == nullptr || memory->buffering != arch::Buffering::stream ||
        pe_group_[at(beside)] != pe_group_[at(level)]) {
      continue;
    }
    // A tile that stays need not come again.
    const double comings =
        std::max(fills(counts, beside, at(Role::inputs)), fills(counts, beside, at(Role::weights)));
    if (comings == 0) continue;
    Transfer first = transfer_of(counts, beside, true);
    first.parent[at(Role::outputs)] = -1;
    first.drained = 0;
    first.up = {};
    slowest = std::max(slowest, std::min(stops, comings) * cycles_of(first, beside, counts));
  }
  return slowest;
}

void Pricer::price_words(const Counts& counts, Cost& cost) const {
  for (int level = 0; level < architecture_.size(); ++level) {
    const arch::Memory* memory = architecture_.memory(level);
    if (memory == nullptr) continue;
    double all_reads = 0;
    double all_writes = 0;
    for (Role role : problem::kEveryRole) {
      const MemoryCount& count = counts.memories[at(level)][at(role)];
      const double stored = sparsity_.stored[at(level)][at(role)];
      const double asked = sparsity_.asked[at(level)][at(role)];
      const double reads = static_cast<double>(count.reads - count.computed_reads) * stored +
                           static_cast<double>(count.computed_reads) * asked;
      double writes = static_cast<double>(count.writes - count.computed_writes) * stored +
                      static_cast<double>(count.computed_writes) * asked;
      if (level == 0 && role == Role::outputs) {
        // MACs that skip may write fewer words than there are outputs: no more than those shrink.
        writes -= std::min(outputs_, writes) * (1 - sparsity_.finished);
      }
      cost.reads[at(level)][at(role)] = reads;
      cost.writes[at(level)][at(role)] = writes;
      cost.memory_energy[at(level)][at(role)] =
          reads * memory->read_energy + writes * memory->write_energy;
      all_reads += reads;
      all_writes += writes;
    }
    const Ports& ports = ports_[at(level)];
    const double read = all_reads * ports.read;
    const double write = all_writes * ports.write;
    const double shared = (all_reads + all_writes) * ports.shared;
    const double cycles = std::max({read, write, shared});
    cost.level_cycles[at(level)] = share(cycles, counts.instances[at(level)]);
    cost.level_ports[at(level)] = cycles == 0        ? Port::none
                                  : cycles == shared ? Port::shared
                                  : cycles == read   ? Port::read
                                                     : Port::write;
  }
}

void Pricer::price_networks(const Counts& counts, Cost& cost) const {
  static constexpr PerRole<Port> kPorts = {Port::inputs, Port::weights, Port::outputs};
  // What a word is worth on the way to the nearest keeper below, by role.
  PerRole<double> form = sparsity_.crossing;
  for (int level = architecture_.size() - 1; level >= 0; --level) {
    const arch::Array* array = architecture_.array(level);
    for (Role role : problem::kEveryRole) {
      if (array == nullptr) {
        if (counts.ramps[at(level)][at(role)].parent >= 0) {
          form[at(role)] = role == Role::outputs ? 1 : sparsity_.stored[at(level)][at(role)];
        }
        continue;
      }
      const NetworkCount& count = counts.networks[at(level)][at(role)];
      double charged = 0;
      switch (array->charge[at(role)]) {
        case arch::Charge::none:
          break;
        case arch::Charge::delivery:
          charged = static_cast<double>(count.delivered + count.returned);
          break;
        case arch::Charge::hop:
          charged = static_cast<double>(count.hops);
          break;
      }
      cost.network_energy[at(level)][at(role)] = charged * form[at(role)] * array->energy;
      const auto most = static_cast<double>(std::max(count.sent, count.returned));
      const double cycles = network_busy(level, role, most * form[at(role)], counts);
      if (cycles > cost.level_cycles[at(level)]) {
        cost.level_cycles[at(level)] = cycles;
        cost.level_ports[at(level)] = kPorts[at(role)];
      }
    }
  }
}

Pricer::Waits Pricer::waits(const Counts& counts) const {
  Waits out;
  double restart = 0;
  for (const FlatLevel& flat : flat_) {
    if (!flat.waits) continue;
    const bool twofold = flat.twofold;
    const double cycles = cycles_of(transfer_of(counts, flat.level, twofold), flat.level, counts);
    (twofold ? out.ramp : out.exposed) += cycles;
    if (!twofold) restart = std::max(restart, restarts(counts, flat.level));
  }
  out.exposed += restart;
  return out;
}

Cost Pricer::price(const Counts& counts) const {
  Cost cost;
  price_words(counts, cost);
  price_networks(counts, cost);
  const Waits waiting = waits(counts);
  cost.exposed_cycles = waiting.exposed;
  cost.ramp_cycles = waiting.ramp;
  cost.compute_cycles = static_cast<double>(counts.steps) * sparsity_.steps;
  double slowest = 0;
  for (int level = 0; level < architecture_.size(); ++level) {
    if (cost.level_cycles[at(level)] > slowest) {
      slowest = cost.level_cycles[at(level)];
      cost.bound_by = level;
    }
  }
  const double working = cost.compute_cycles + cost.exposed_cycles;
  if (slowest <= working) cost.bound_by = -1;
  // A layer whose MACs are all skipped still takes a cycle: rates and products of it stay defined.
  cost.cycles =
      static_cast<std::uint64_t>(std::ceil(std::max({working, slowest, 1.0}) + cost.ramp_cycles));
  cost.mac_energy = static_cast<double>(counts.macs) * sparsity_.work * architecture_.mac_energy;
  cost.leakage_energy = static_cast<double>(cost.cycles) * architecture_.leakage_energy;
  cost.energy = cost.mac_energy + cost.leakage_energy;
  for (int level = 0; level < architecture_.size(); ++level) {
    for (int role = 0; role < kRoles; ++role) {
      cost.energy += cost.memory_energy[at(level)][at(role)];
      cost.energy += cost.network_energy[at(level)][at(role)];
    }
  }
  return cost;
}

/// As `price_words`, of one memory: its cycles, and its energies.
inline double Pricer::total_memory(const FlatLevel& flat, const Counts& counts,
                                   PerRole<double>& energies) const {
  double all_reads = 0;
  double all_writes = 0;
  for (std::size_t role : flat.roles) {
    const MemoryCount& count = counts.memories[at(flat.level)][role];
    const double reads = exact(count.reads);
    const double writes = exact(count.writes);
    energies[role] = reads * flat.read_energy + writes * flat.write_energy;
    all_reads += reads;
    all_writes += writes;
  }
  if (!flat.limited) return 0;
  return share(std::max({all_reads * flat.ports.read, all_writes * flat.ports.write,
                         (all_reads + all_writes) * flat.ports.shared}),
               counts.instances[at(flat.level)]);
}

/// As `price_networks`, of one array.
inline double Pricer::total_network(const FlatLevel& flat, const Counts& counts,
                                    PerRole<double>& energies) const {
  double slowest = 0;
  for (std::size_t role : flat.roles) {
    const NetworkCount& count = counts.networks[at(flat.level)][role];
    switch (flat.array->charge[role]) {
      case arch::Charge::none:
        energies[role] = 0;
        break;
      case arch::Charge::delivery:
        energies[role] = exact(count.delivered + count.returned) * flat.array->energy;
        break;
      case arch::Charge::hop:
        energies[role] = exact(count.hops) * flat.array->energy;
        break;
    }
    if (!flat.limited) continue;
    const double most = exact(std::max(count.sent, count.returned));
    slowest = std::max(slowest, share(most * flat.network[role], counts.instances[at(flat.level)]));
  }
  return slowest;
}

Price Pricer::total(const Counts& counts) const {
  if (!dense_) {
    const Cost cost = price(counts);
    return {.energy = cost.energy, .cycles = cost.cycles};
  }
  PerLevel<PerRole<double>> energies;
  double slowest = 1;
  for (const FlatLevel& flat : flat_) {
    PerRole<double>& here = energies[at(flat.level)];
    slowest = std::max(slowest, flat.array == nullptr ? total_memory(flat, counts, here)
                                                      : total_network(flat, counts, here));
  }
  const Waits waiting = waits_ ? waits(counts) : Waits{};
  const double working = exact(counts.steps) + waiting.exposed;
  Price out;
  out.cycles = static_cast<std::uint64_t>(std::ceil(std::max(working, slowest) + waiting.ramp));
  out.energy = exact(counts.macs) * architecture_.mac_energy +
               static_cast<double>(out.cycles) * architecture_.leakage_energy;
  for (const FlatLevel& flat : flat_) {
    for (std::size_t role : flat.roles) out.energy += energies[at(flat.level)][role];
  }
  return out;
}

}  // namespace dnnaccel::cost
