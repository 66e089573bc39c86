#include "sim/dram.hpp"

#include <algorithm>
#include <memory>
#include <stdexcept>
#include <string>

#include "base/random.hpp"

namespace dnnaccel::sim::dram {

namespace {

constexpr std::uint64_t kMaxCycle = std::uint64_t{1} << 60;
constexpr std::uint64_t kMaxRequest = std::uint64_t{1} << 26;  ///< bytes: polls must come often
constexpr std::uint64_t kPollEvery = 1 << 14;                  ///< bursts

const Spec& checked(const Spec& spec, const Policy& policy) {
  check(spec);
  if (policy.window < 1 || policy.window > 4096) {
    throw std::invalid_argument("DRAM: window must be 1 to 4096 bursts");
  }
  if (policy.batch < 1 || policy.max_hits < 1) {
    throw std::invalid_argument("DRAM: batch and max_hits must be at least 1");
  }
  return spec;
}

void add(Counts& sum, const Counts& part) {
  sum.activates += part.activates;
  sum.precharges += part.precharges;
  sum.precharges_all += part.precharges_all;
  sum.reads += part.reads;
  sum.writes += part.writes;
  sum.refreshes += part.refreshes;
  sum.active_cycles += part.active_cycles;
  sum.idle_cycles += part.idle_cycles;
}

void add(Service& sum, const Service& part) {
  sum.row_hits += part.row_hits;
  sum.row_misses += part.row_misses;
  sum.row_conflicts += part.row_conflicts;
  sum.latency_cycles += part.latency_cycles;
  sum.max_latency_cycles = std::max(sum.max_latency_cycles, part.max_latency_cycles);
  sum.last_data = std::max(sum.last_data, part.last_data);
}

}  // namespace

Memory::Memory(const Spec& spec, const Policy& policy, const Sinks& sinks)
    : spec_(checked(spec, policy)), map_(spec), touched_(spec.organization.channels) {
  for (std::uint32_t i = 0; i < spec.organization.channels; ++i) {
    channels_.emplace_back(spec, policy, i, sinks);
  }
}

void Memory::push(const Request& request) {
  const Span& span = request.span;
  const std::uint64_t burst_bytes = spec_.organization.burst_bytes();
  const std::uint64_t capacity = spec_.organization.capacity_bytes();
  if (span.bytes == 0 || span.address >= capacity || span.bytes > capacity - span.address) {
    throw std::invalid_argument("DRAM: " + std::to_string(span.bytes) + " bytes at address " +
                                std::to_string(span.address) + " are not in the memory's " +
                                std::to_string(capacity) + " bytes");
  }
  if (request.arrival > kMaxCycle) {
    throw std::invalid_argument("DRAM: an arrival after cycle 2^60");
  }
  if (stats_.requests == 0) stats_.first_arrival = request.arrival;
  front_ = std::max(front_, request.arrival);
  const std::uint64_t last = (span.address + span.bytes - 1) / burst_bytes;
  for (std::uint64_t burst = span.address / burst_bytes; burst <= last; ++burst) {
    const Location place = map_.locate(burst);
    Channel& channel = channels_[place.channel];
    if (channel.full()) front_ = std::max(front_, channel.make_room());
    channel.advance(front_);
    touched_[place.channel] = true;
    channel.push(
        {.place = place, .arrival = front_, .request = stats_.requests, .write = request.write});
  }
  ++stats_.requests;
  (request.write ? stats_.bytes_written : stats_.bytes_read) += span.bytes;
}

void Memory::drain() {
  for (Channel& channel : channels_) channel.drain();
}

std::uint64_t Memory::transfer(std::uint64_t start_cycle, const std::vector<Span>& spans,
                               bool write) {
  std::fill(touched_.begin(), touched_.end(), false);
  for (const Span& span : spans) {
    if (span.bytes == 0) continue;
    push({.span = span, .write = write, .arrival = start_cycle});
  }
  drain();
  std::uint64_t end = start_cycle;
  for (std::size_t i = 0; i < channels_.size(); ++i) {
    if (touched_[i]) end = std::max(end, channels_[i].service().last_data);
  }
  return end;
}

Stats Memory::finish() {
  drain();
  Stats stats = stats_;
  for (const Channel& channel : channels_) add(stats.service, channel.service());
  stats.cycles = stats.service.last_data;
  for (const Channel& channel : channels_) add(stats.counts, channel.counts(stats.cycles));
  stats.energy = price(stats.counts, spec_.energies);
  return stats;
}

Stats simulate(const Spec& spec, const Policy& policy, const Source& source,
               const std::function<bool(std::uint64_t)>& poll, const Sinks& sinks) {
  Memory memory(spec, policy, sinks);
  Request request;
  std::uint64_t until_poll = kPollEvery, done = 0;
  std::uint64_t before = 0;
  while (source(request)) {
    if (request.arrival < before) {
      throw std::invalid_argument("DRAM: request " + std::to_string(done) + " arrives at cycle " +
                                  std::to_string(request.arrival) + ", before the one before it");
    }
    if (request.span.bytes > kMaxRequest) {
      throw std::invalid_argument(
          "DRAM: request " + std::to_string(done) + " has " + std::to_string(request.span.bytes) +
          " bytes; split those of more than " + std::to_string(kMaxRequest));
    }
    before = request.arrival;
    if (sinks.finish != nullptr) sinks.finish->push_back(0);
    memory.push(request);
    ++done;
    const std::uint64_t bursts = 1 + request.span.bytes / spec.organization.burst_bytes();
    if (bursts < until_poll) {
      until_poll -= bursts;
      continue;
    }
    until_poll = kPollEvery;
    if (poll && !poll(done)) break;
  }
  return memory.finish();
}

Source source_of(const Pattern& pattern) {
  if (pattern.bytes == 0 || pattern.bytes > pattern.range) {
    throw std::invalid_argument("DRAM pattern: requests of " + std::to_string(pattern.bytes) +
                                " bytes do not fit in a range of " + std::to_string(pattern.range));
  }
  if (pattern.writes_per_1024 > 1024) {
    throw std::invalid_argument("DRAM pattern: more than 1024 of 1024 requests are writes");
  }
  auto random = std::make_shared<base::Random>(pattern.seed);
  const std::uint64_t places = pattern.range / pattern.bytes;
  const std::uint64_t room = pattern.range - pattern.bytes;
  return [pattern, random, places, room, i = std::uint64_t{0},
          offset = std::uint64_t{0}](Request& request) mutable {
    if (i == pattern.requests) return false;
    if (pattern.order == Pattern::Order::random) offset = random->next() % places * pattern.bytes;
    request.span = {pattern.start + offset, pattern.bytes};
    offset = (offset + pattern.stride) % pattern.range;
    if (offset > room) offset = 0;
    const std::uint64_t turn = i % 1024, writes = pattern.writes_per_1024;
    request.write = (turn + 1) * writes / 1024 != turn * writes / 1024;
    request.arrival = i * pattern.interval;
    ++i;
    return true;
  };
}

}  // namespace dnnaccel::sim::dram
