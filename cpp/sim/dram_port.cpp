#include "sim/dram_port.hpp"

#include <algorithm>
#include <cmath>
#include <stdexcept>
#include <string>
#include <vector>

namespace dnnaccel::sim {

using problem::Role;

namespace {

std::uint64_t bytes_of(std::uint64_t words, double bits) {
  return std::max<std::uint64_t>(
      1, static_cast<std::uint64_t>(std::ceil(static_cast<double>(words) * bits / 8)));
}

}  // namespace

DramPort::DramPort(const problem::Problem& problem, const dram::Spec& spec,
                   const std::array<double, problem::kRoles>& bits, double dram_cycles)
    : memory_(spec),
      bits_(bits),
      dram_cycles_(dram_cycles),
      lead_{spec.timing.cl, spec.timing.cwl} {
  // Regions begin with a row of all channels: tensors share no open row.
  const std::uint64_t line =
      std::uint64_t{spec.organization.row_bytes} * spec.organization.channels;
  std::uint64_t first = 0;
  for (Role role : problem::kEveryRole) {
    const auto r = static_cast<std::size_t>(problem::index(role));
    const std::uint64_t bytes = bytes_of(problem.tensor(role).words(), bits[r]);
    regions_[r] = {.first = first, .bytes = bytes};
    first += (bytes + line - 1) / line * line;
  }
  if (first > spec.organization.capacity_bytes()) {
    throw std::invalid_argument("the DRAM has " +
                                std::to_string(spec.organization.capacity_bytes()) +
                                " bytes, and the layer's tensors take " + std::to_string(first));
  }
}

MemoryTiming::Transfer DramPort::transfer(Role role, bool write, std::uint64_t words,
                                          double begin) {
  const auto r = static_cast<std::size_t>(problem::index(role));
  Region& region = regions_[r];
  std::uint64_t& next = region.next[write ? 1 : 0];
  std::uint64_t left = bytes_of(words, bits_[r]);
  std::vector<dram::Span> spans;
  while (left > 0) {
    const std::uint64_t bytes = std::min(left, region.bytes - next);
    spans.push_back({.address = region.first + next, .bytes = bytes});
    next = (next + bytes) % region.bytes;
    left -= bytes;
  }
  const std::uint64_t lead = lead_[write ? 1 : 0];
  const auto asked = static_cast<std::uint64_t>(std::ceil(begin * dram_cycles_));
  const std::uint64_t start = std::max(asked, end_ > lead ? end_ - lead : 0);
  const std::uint64_t end = memory_.transfer(start, spans, write);
  const std::uint64_t taken = end - std::min(end, std::max(start, end_));
  const std::uint64_t latency = std::min(taken, start >= end_ ? lead : 0);
  end_ = std::max(end_, end);
  return {.busy_cycles = static_cast<double>(taken - latency) / dram_cycles_,
          .latency_cycles = write ? 0 : static_cast<double>(latency) / dram_cycles_};
}

}  // namespace dnnaccel::sim
