#include "sim/dram_channel.hpp"

#include <algorithm>
#include <bit>
#include <stdexcept>
#include <string>

namespace dnnaccel::sim::dram {

namespace {

/// Call `visit(bank)` for each bit of a set of banks.
template <typename Visit>
void for_each_bank(std::uint64_t banks, Visit visit) {
  for (; banks != 0; banks &= banks - 1) {
    visit(static_cast<std::uint32_t>(std::countr_zero(banks)));
  }
}

/// Of commands that may issue in one cycle the lowest goes: data before rows, and a row opened
/// before one closed, since activates are what is scarce where rows change often.
constexpr std::uint64_t urgency(Kind kind) {
  return kind == Kind::read || kind == Kind::write ? 0 : kind == Kind::activate ? 1 : 2;
}

constexpr std::uint64_t bit(std::uint32_t bank) { return std::uint64_t{1} << bank; }

}  // namespace

Channel::Channel(const Spec& spec, const Policy& policy, std::uint32_t index, const Sinks& sinks)
    : gates_(spec.organization, spec.timing),
      sizes_(spec.organization),
      times_(spec.timing),
      policy_(policy),
      index_(index),
      sinks_(sinks),
      window_(policy.window),
      queues_(spec.organization.banks()),
      choices_(spec.organization.banks()),
      next_refresh_(spec.timing.refi == 0 ? kNoLimit : spec.timing.refi) {
  for (std::uint32_t slot = policy.window; slot-- > 0;) free_.push_back(slot);
}

void Channel::push(const Burst& burst) {
  const std::uint32_t slot = free_.back();
  free_.pop_back();
  window_[slot] = {.burst = burst, .order = order_++};
  queues_[burst.place.bank].slots[burst.write].push_back(slot);
  ++waiting_[burst.write];
  last_arrival_ = burst.arrival;
  undecided_ |= bit(burst.place.bank);
}

void Channel::advance(std::uint64_t cycle) {
  // Not between two arrivals of one cycle: what is decided in a cycle knows all that it brought.
  while (std::max(now_, last_arrival_) < cycle && step(cycle)) {
  }
}

std::uint64_t Channel::make_room() {
  while (full()) step(kNoLimit);
  return now_;
}

void Channel::drain() {
  while (!idle()) step(kNoLimit);
}

void Channel::all_undecided() {
  undecided_ = sizes_.banks() == kMaxBanks ? ~std::uint64_t{0} : bit(sizes_.banks()) - 1;
}

void Channel::turn_if_due() {
  const std::uint32_t other = 1 - direction_;
  if (waiting_[other] == 0) return;
  if (waiting_[direction_] > 0 && batched_ < policy_.batch) return;
  direction_ = other;
  batched_ = 0;
  all_undecided();
}

void Channel::choose(std::uint32_t bank) {
  const Queue& queue = queues_[bank];
  const std::vector<std::uint32_t>& slots = queue.slots[direction_];
  const bool open = gates_.open(bank);
  choosing_ |= bit(bank);
  if (slots.empty()) {
    if (policy_.closed_page && open && queue.slots[1 - direction_].empty()) {
      choices_[bank] = {Kind::precharge, kNobody};
    } else {
      choosing_ &= ~bit(bank);
    }
    return;
  }
  const std::uint32_t oldest = slots.front();
  if (!open) {
    choices_[bank] = {Kind::activate, oldest};
    return;
  }
  const auto in_row = [&](std::uint32_t slot) {
    return window_[slot].burst.place.row == gates_.row(bank);
  };
  const bool tired = queue.hits >= policy_.max_hits && !in_row(oldest);
  const auto hit = tired ? slots.end() : std::find_if(slots.begin(), slots.end(), in_row);
  if (hit == slots.end()) {
    choices_[bank] = {Kind::precharge, oldest};
  } else {
    choices_[bank] = {direction_ == 1 ? Kind::write : Kind::read, *hit};
  }
}

void Channel::issue(Kind kind, std::uint32_t bank, std::uint64_t row, std::uint64_t cycle) {
  const bool any_open = gates_.open_banks() > 0;
  const Command command{cycle, index_, kind, bank, row};
  gates_.issue(command);
  now_ = cycle;
  if (sinks_.log != nullptr) {
    if (sinks_.log->size() >= sinks_.log_limit) {
      throw std::domain_error("DRAM: more than " + std::to_string(sinks_.log_limit) +
                              " commands to keep a log of; simulate less, or raise the limit");
    }
    sinks_.log->push_back(command);
  }
  if (!any_open && gates_.open_banks() > 0) opened_at_ = cycle;
  if (any_open && gates_.open_banks() == 0) counts_.active_cycles += cycle - opened_at_;
}

void Channel::serve(std::uint32_t bank, std::uint32_t slot, std::uint64_t cycle) {
  const Waiting& served = window_[slot];
  const Burst& burst = served.burst;
  ++(served.conflict    ? service_.row_conflicts
     : served.activated ? service_.row_misses
                        : service_.row_hits);
  const std::uint64_t end = cycle + (burst.write ? times_.cwl : times_.cl) + sizes_.burst_cycles();
  const std::uint64_t latency = end - burst.arrival;
  service_.latency_cycles += latency;
  service_.max_latency_cycles = std::max(service_.max_latency_cycles, latency);
  service_.last_data = std::max(service_.last_data, end);
  if (sinks_.finish != nullptr) {
    std::uint64_t& finish = (*sinks_.finish)[burst.request];
    finish = std::max(finish, end);
  }
  Queue& queue = queues_[bank];
  ++queue.hits;
  std::vector<std::uint32_t>& slots = queue.slots[burst.write];
  slots.erase(std::find(slots.begin(), slots.end(), slot));
  --waiting_[burst.write];
  ++batched_;
  ++(burst.write ? counts_.writes : counts_.reads);
  free_.push_back(slot);
}

/// Close all banks, or refresh them, if that is before `limit`.
bool Channel::step_refresh(std::uint64_t limit) {
  const bool close = gates_.open_banks() > 0;
  const Kind kind = close ? Kind::precharge_all : Kind::refresh;
  const std::uint64_t cycle = std::max({gates_.earliest(kind, 0).cycle, next_refresh_, now_});
  if (cycle >= limit) return false;
  issue(kind, 0, 0, cycle);
  if (close) {
    ++counts_.precharges_all;
  } else {
    ++counts_.refreshes;
    counts_.active_cycles += times_.rfc;
    next_refresh_ += times_.refi;
    if (idle() && sinks_.log == nullptr) skip_idle_refreshes(limit);
  }
  all_undecided();
  return true;
}

/// Count refreshes that nothing stands in the way of, up to a cycle that may be far off.
void Channel::skip_idle_refreshes(std::uint64_t limit) {
  if (limit == kNoLimit || limit <= next_refresh_ + times_.refi) return;
  const std::uint64_t skipped = (limit - next_refresh_) / times_.refi;
  const std::uint64_t last = next_refresh_ + (skipped - 1) * times_.refi;
  counts_.refreshes += skipped;
  counts_.active_cycles += skipped * times_.rfc;
  next_refresh_ = last + times_.refi;
  now_ = last;
  gates_.refreshed_at(last);
}

/// Issue the next command if it comes before `limit`; return whether it did.
bool Channel::step(std::uint64_t limit) {
  turn_if_due();
  for_each_bank(undecided_, [&](std::uint32_t bank) { choose(bank); });
  undecided_ = 0;
  std::uint64_t best_cycle = kNoLimit, best_rank = kNoLimit;
  std::uint32_t best_bank = 0;
  for_each_bank(choosing_, [&](std::uint32_t bank) {
    const Choice& choice = choices_[bank];
    std::uint64_t cycle = std::max(gates_.earliest(choice.kind, bank).cycle, now_);
    // What nobody waits for comes last.
    std::uint64_t rank = kNoLimit - 1;
    if (choice.slot != kNobody) {
      const Waiting& wanted = window_[choice.slot];
      cycle = std::max(cycle, wanted.burst.arrival);
      rank = wanted.order | urgency(choice.kind) << 60;
    }
    if (cycle < best_cycle || (cycle == best_cycle && rank < best_rank)) {
      best_cycle = cycle;
      best_rank = rank;
      best_bank = bank;
    }
  });
  if (next_refresh_ <= best_cycle && next_refresh_ < limit) return step_refresh(limit);
  if (best_cycle >= limit) return false;
  const Choice choice = choices_[best_bank];
  const std::uint64_t row = choice.kind == Kind::precharge || choice.slot == kNobody
                                ? 0
                                : window_[choice.slot].burst.place.row;
  issue(choice.kind, best_bank, row, best_cycle);
  undecided_ |= bit(best_bank);
  switch (choice.kind) {
    case Kind::activate:
      ++counts_.activates;
      window_[choice.slot].activated = true;
      queues_[best_bank].hits = 0;
      break;
    case Kind::precharge:
      ++counts_.precharges;
      if (choice.slot != kNobody) window_[choice.slot].conflict = true;
      break;
    default:
      serve(best_bank, choice.slot, best_cycle);
  }
  return true;
}

Counts Channel::counts(std::uint64_t cycle) const {
  Counts counts = counts_;
  if (gates_.open_banks() > 0 && cycle > opened_at_) counts.active_cycles += cycle - opened_at_;
  counts.active_cycles = std::min(counts.active_cycles, cycle);
  counts.idle_cycles = cycle - counts.active_cycles;
  return counts;
}

}  // namespace dnnaccel::sim::dram
