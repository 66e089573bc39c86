#include "cost/counts.hpp"

namespace dnnaccel::cost {

namespace {

constexpr std::size_t at(int i) { return static_cast<std::size_t>(i); }

void enter_operand(const Keepers& keepers, const Flow& flow, Counts& out) {
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
void enter_outputs(const Keepers& keepers, const Flow& flow, SumsAbove& sums, Counts& out) {
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

}  // namespace

bool forwards(const arch::Architecture& architecture, const Keepers& keepers) {
  bool any = false;
  for (int level = keepers.parent + 1; level < keepers.child; ++level) {
    const arch::Array* array = architecture.array(level);
    if (array == nullptr) continue;
    if ((array->forwards & problem::bit(keepers.role)) == 0) return false;
    any = true;
  }
  return any && !keepers.compute;
}

void enter(const Keepers& keepers, const Flow& flow, SumsAbove& sums, Counts& out) {
  if (!keepers.compute) {
    out.ramps[at(keepers.child)][at(problem::index(keepers.role))] = {
        .sent = flow.ramp_sent, .received = flow.ramp_received, .parent = keepers.parent};
  }
  if (keepers.role == problem::Role::outputs) {
    enter_outputs(keepers, flow, sums, out);
  } else {
    enter_operand(keepers, flow, out);
  }
}

void enter_network(const Keepers& keepers, int level, std::uint64_t sent, std::uint64_t delivered,
                   Counts& out) {
  NetworkCount& count = out.networks[at(level)][at(problem::index(keepers.role))];
  count.sent = sent;
  count.delivered = delivered;
  count.hops = delivered - sent;
}

}  // namespace dnnaccel::cost
