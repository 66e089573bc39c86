#include "sim/tree_clock.hpp"

#include <algorithm>
#include <cmath>
#include <limits>

namespace dnnaccel::sim::tree {

namespace {

constexpr std::int64_t kUnit = 1LL << 20;
constexpr std::int64_t kMost = std::numeric_limits<std::int64_t>::max();
constexpr std::ptrdiff_t kMostStretches = 1 << 16;
/// More words a cycle than this and a port is as good as unlimited.
constexpr double kFast = 1LL << 31;

/// Words per cycle as an integer, or 0 if they never limit.
std::int64_t fixed(double bandwidth) {
  if (!(bandwidth < kFast)) return 0;
  return std::max<std::int64_t>(static_cast<std::int64_t>(std::ceil(bandwidth * kUnit)), 1);
}

std::uint64_t cycles_for(std::int64_t units, std::int64_t rate) {
  return units <= 0 ? 0 : static_cast<std::uint64_t>((units - 1) / rate + 1);
}

}  // namespace

Clock::Clock(const arch::Architecture& architecture, const Shape& shape)
    : hides_loads_(shape.hides_loads) {
  const bool loads = shape.registers >= 0;
  for (int level = 0; level < shape.array; ++level) {
    const arch::Memory* memory = architecture.memory(level);
    const Channel reads{.inputs = level == shape.inputs,
                        .weights = level == shape.weights,
                        .sums_read = level == shape.sums,
                        .loads = loads && level == shape.weights};
    Channel writes{.sums_written = level == shape.sums};
    Channel both = reads;
    both.sums_written = level == shape.sums;
    if (memory != nullptr) {
      add_channel(memory->read_bandwidth, reads);
      add_channel(memory->write_bandwidth, writes);
      add_channel(memory->shared_bandwidth, both);
    }
  }
  const arch::Array& array = *architecture.array(shape.array);
  add_channel(array.bandwidth[0], {.inputs = true});
  add_channel(array.bandwidth[1], {.weights = true, .loads = loads});
  add_channel(array.bandwidth[2], {.sums_written = true});
  if (loads) {
    const arch::Memory& registers = *architecture.memory(shape.registers);
    register_rate_ = fixed(std::min(registers.write_bandwidth, registers.shared_bandwidth));
  }
}

void Clock::add_channel(double bandwidth, Channel channel) {
  channel.rate = fixed(bandwidth);
  if (channel.rate == 0) return;
  const bool sums = channel.sums_read || channel.sums_written;
  if (channel.inputs + channel.weights + sums == 0) return;
  if (channel.inputs + channel.weights + sums == 1) {
    channel.cause = channel.inputs    ? Stall::operand
                    : channel.weights ? Stall::weights
                                      : Stall::sums;
  }
  if (channel.loads)
    load_rate_ = load_rate_ == 0 ? channel.rate : std::min(load_rate_, channel.rate);
  channels_.push_back(channel);
}

void Clock::weigh(const Demand& demand) {
  last_ = demand;
  last_cycles_ = 1;
  for (const Channel& channel : channels_) {
    const std::uint64_t cycles = cycles_for(channel.words(demand) * kUnit, channel.rate);
    if (cycles <= last_cycles_) continue;
    last_cycles_ = cycles;
    last_cause_ = channel.cause;
  }
  last_spare_ = kMost;
  for (const Channel& channel : channels_) {
    if (!channel.loads) continue;
    const std::int64_t given = channel.rate * static_cast<std::int64_t>(last_cycles_);
    last_spare_ = std::min(last_spare_, given - channel.words(demand) * kUnit);
  }
}

std::uint64_t Clock::step(const Demand& demand, Stall& cause) {
  if (!(demand == last_)) weigh(demand);
  if (hides_loads_) remember_spare();
  now_ += last_cycles_;
  cause = last_cause_;
  return last_cycles_;
}

/// Note what the step leaves of the ports that loads use.
void Clock::remember_spare() {
  const bool goes_on = !stretches_.empty() && stretches_.back().cycles == last_cycles_ &&
                       stretches_.back().spare == last_spare_ &&
                       stretches_.back().begin + stretches_.back().steps * last_cycles_ == now_;
  if (!goes_on) {
    // Where edges make many, the oldest are forgotten, and with them what they left.
    if (stretches_.size() == static_cast<std::size_t>(kMostStretches)) {
      stretches_.erase(stretches_.begin(), stretches_.begin() + kMostStretches / 2);
    }
    stretches_.push_back({.begin = now_, .cycles = last_cycles_, .spare = last_spare_});
  }
  ++stretches_.back().steps;
}

/// Take what the steps from cycle `from` on left. `left` are the units still to load, `end` the
/// cycle in which the last one came if none are left.
void Clock::load_behind(std::int64_t& left, std::uint64_t from, std::uint64_t& end) const {
  for (const Stretch& stretch : stretches_) {
    const std::uint64_t missed =
        from <= stretch.begin
            ? 0
            : std::min(stretch.steps, (from - stretch.begin + stretch.cycles - 1) / stretch.cycles);
    const std::uint64_t steps = stretch.steps - missed;
    if (steps == 0 || stretch.spare <= 0) continue;
    const std::uint64_t wanted = cycles_for(left, stretch.spare);
    if (wanted <= steps) {
      left = 0;
      end = stretch.begin + (missed + wanted) * stretch.cycles;
      return;
    }
    left -= static_cast<std::int64_t>(steps) * stretch.spare;
  }
}

std::uint64_t Clock::begin_fold(const Load& load, std::uint64_t ready, StallCycles& waits) {
  const bool loads = load.words > 0;
  const std::uint64_t earliest = hides_loads_ && started_ ? swapped_ : now_;
  load_begin_ = load_end_ = std::max(earliest, ready);
  if (loads) {
    std::int64_t left = load.words * kUnit;
    if (hides_loads_) load_behind(left, load_begin_, load_end_);
    if (left > 0) {
      const std::uint64_t alone = std::max(now_, load_begin_);
      load_end_ = alone + (load_rate_ == 0 ? 1 : cycles_for(left, load_rate_));
    }
    const std::uint64_t least =
        register_rate_ == 0 ? 1 : cycles_for(load.per_register * kUnit, register_rate_);
    load_end_ = std::max(load_end_, load_begin_ + least);
  }
  const std::uint64_t start = std::max({now_, load_end_, ready});
  const std::uint64_t gap = start - now_;
  const std::uint64_t memory = std::min(gap, ready > now_ ? ready - now_ : 0);
  waits[static_cast<std::size_t>(Stall::memory)] += memory;
  waits[static_cast<std::size_t>(Stall::weights)] += gap - memory;
  now_ = start;
  if (!loads) return start;
  swapped_ = start;
  started_ = true;
  stretches_.clear();
  return load_begin_;
}

}  // namespace dnnaccel::sim::tree
