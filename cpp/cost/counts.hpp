#pragma once

#include <array>
#include <cstdint>
#include <cstring>
#include <span>

#include "arch/architecture.hpp"
#include "problem/problem.hpp"

/// What is counted, and how the words of one network become reads and writes.
namespace dnnaccel::cost {

using problem::kRoles;

template <typename T>
using PerRole = std::array<T, kRoles>;

template <typename T>
using PerLevel = std::array<T, arch::kMaxLevels>;

/// What a memory did for one tensor, in words, over all its instances; `tile` is the largest one
/// holds.
struct MemoryCount {
  std::uint64_t reads = 0;
  std::uint64_t writes = 0;
  std::uint64_t tile = 0;
  /// The part of the reads and writes that the MACs ask for, when this is the tensor's innermost
  /// memory: what gating and skipping save.
  std::uint64_t computed_reads = 0;
  std::uint64_t computed_writes = 0;
  /// What refilling takes: words written here from the parent (begun sums included), sums read here
  /// to drain, and the words that the parent reads (operands) or writes (outputs) for it.
  std::uint64_t filled = 0;
  std::uint64_t drained = 0;
  std::uint64_t sent = 0;
};

/// What crossed an array's network for one tensor. Operands: `sent` entered it, `delivered` reached
/// the instances. Outputs: `delivered` came from the instances, `sent` left towards the parent.
/// `hops` passed between neighbours.
struct NetworkCount {
  std::uint64_t sent = 0;
  std::uint64_t delivered = 0;
  std::uint64_t hops = 0;
  std::uint64_t returned = 0;  ///< outputs only: begun sums that went back to the instances
};

/// The first tile to arrive at a level and the last to leave it: what nothing can hide.
struct RampCount {
  std::uint64_t sent = 0;      ///< words the parent reads (operands) or writes (outputs)
  std::uint64_t received = 0;  ///< words the level writes (operands) or reads (outputs)
  int parent = -1;
};

struct Counts {
  PerLevel<PerRole<MemoryCount>> memories{};
  PerLevel<PerRole<NetworkCount>> networks{};
  PerLevel<PerRole<RampCount>> ramps{};
  PerLevel<std::uint64_t> instances{};  ///< of each level, that ever work
  std::uint64_t macs = 0;
  std::uint64_t steps = 0;        ///< temporal positions of the whole nest, in lockstep
  std::uint64_t active_macs = 0;  ///< MAC units that ever work

  /// Set what is known of the first `levels` levels back to nothing.
  void clear(int levels) {
    const auto n = static_cast<std::size_t>(levels);
    // Plain numbers, all 0: one call clears faster than what compilers make of an assignment.
    std::memset(static_cast<void*>(memories.data()), 0, n * sizeof memories[0]);
    std::memset(static_cast<void*>(networks.data()), 0, n * sizeof networks[0]);
    for (std::size_t level = 0; level < n; ++level) {
      for (RampCount& ramp : ramps[level]) ramp = {};
    }
  }
};

/// Two consecutive keepers of a tensor, by level; for compute `child` is the number of levels.
struct Keepers {
  problem::Role role = problem::Role::inputs;
  int parent = 0;
  int child = 0;
  bool compute = false;
  bool forwards = false;  ///< siblings pass words on
};

/// Whether siblings pass words on between two keepers: every array there must forward the role.
/// Compute holds nothing to pass on.
bool forwards(const arch::Architecture& architecture, const Keepers& keepers);

/// What moved between two keepers. For operands `sent` left the parent and `received` reached the
/// children; for outputs `received` was drained by the children and `sent` arrived at the parent,
/// and `once` is what was drained with every sum counted once.
struct Flow {
  std::uint64_t sent = 0;
  std::uint64_t received = 0;
  std::uint64_t once = 0;
  std::uint64_t ramp_sent = 0;
  std::uint64_t ramp_received = 0;
};

/// Sums that a tensor's keepers have drained and been handed back so far, from the outside in.
struct SumsAbove {
  std::uint64_t drained = 0;
  std::uint64_t seeds = 0;
};

// Below is inline because it runs for every pair of every mapping that a search costs.

namespace detail {

constexpr std::size_t at(int i) { return static_cast<std::size_t>(i); }

inline void enter_operand(const Keepers& keepers, const Flow& flow, Counts& out) {
  const auto role = at(problem::index(keepers.role));
  MemoryCount& parent = out.memories[at(keepers.parent)][role];
  parent.reads += flow.sent;
  if (keepers.compute) {
    parent.computed_reads = flow.sent;
    return;
  }
  MemoryCount& child = out.memories[at(keepers.child)][role];
  child.writes += flow.received;
  child.filled = flow.received;
  child.sent = flow.sent;
  // What a sibling passes on, it reads.
  if (keepers.forwards) child.reads += flow.received - flow.sent;
}

/// Notation of counting.md section 5: D drained by a level, A arriving at its parent, E each once
/// per drain. A parent's first visits read nothing; sums that were begun come back to it.
inline void enter_outputs(const Keepers& keepers, const Flow& flow, SumsAbove& sums, Counts& out) {
  const auto role = at(problem::index(keepers.role));
  const std::uint64_t first_visits = sums.drained - sums.seeds;
  const std::uint64_t seeds = flow.once - first_visits;
  MemoryCount& parent = out.memories[at(keepers.parent)][role];
  parent.writes += flow.sent;
  parent.reads += flow.sent - first_visits;
  if (keepers.compute) {
    parent.computed_reads = flow.sent - first_visits;
    parent.computed_writes = flow.sent;
  } else {
    MemoryCount& child = out.memories[at(keepers.child)][role];
    child.reads += flow.received;
    child.writes += seeds;
    child.drained = flow.received;
    child.filled = seeds;
    child.sent = flow.sent;
  }
  for (int level = keepers.parent + 1; level < keepers.child; ++level) {
    out.networks[at(level)][role].returned = seeds;
  }
  sums = {.drained = flow.received, .seeds = seeds};
}

}  // namespace detail

/// Enter what moved between two keepers: reads and writes of both, hops, ramps. For outputs, call
/// from the outermost pair inwards with one `sums`, which starts as {|outputs|, 0}.
inline void enter(const Keepers& keepers, const Flow& flow, SumsAbove& sums, Counts& out) {
  if (!keepers.compute) {
    out.ramps[detail::at(keepers.child)][detail::at(problem::index(keepers.role))] = {
        .sent = flow.ramp_sent, .received = flow.ramp_received, .parent = keepers.parent};
  }
  if (keepers.role == problem::Role::outputs) {
    detail::enter_outputs(keepers, flow, sums, out);
  } else {
    detail::enter_operand(keepers, flow, out);
  }
}

/// Enter what crossed one array between two keepers.
inline void enter_network(const Keepers& keepers, int level, std::uint64_t sent,
                          std::uint64_t delivered, Counts& out) {
  NetworkCount& count = out.networks[detail::at(level)][detail::at(problem::index(keepers.role))];
  count.sent = sent;
  count.delivered = delivered;
  count.hops = delivered - sent;
}

}  // namespace dnnaccel::cost
