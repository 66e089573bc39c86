#include "sim/row_clock.hpp"

#include <algorithm>

namespace dnnaccel::sim::rows {

namespace {

constexpr std::size_t at(Stall stall) { return static_cast<std::size_t>(stall); }

std::uint64_t room_of(std::uint64_t scratchpad, std::uint64_t fifo) {
  return scratchpad == arch::kUnlimitedWords ? scratchpad : scratchpad + fifo;
}

}  // namespace

Clock::Clock(const Widths& widths, const Timing& timing, const Spads& spads, Activity& activity,
             std::vector<std::size_t> slots)
    : timing_(timing),
      inputs_(widths.inputs),
      weights_(widths.weights),
      sums_in_(widths.sums_in),
      sums_out_(widths.sums_out),
      window_words_(room_of(spads.words[problem::index(problem::Role::inputs)], timing.input_fifo)),
      sum_words_(room_of(spads.words[problem::index(problem::Role::outputs)], timing.sum_fifo)),
      activity_(activity),
      slots_(std::move(slots)),
      elements_(slots_.size()) {}

std::uint64_t Clock::begin(std::uint64_t ready, std::uint64_t steps) {
  begin_ = std::max(ready, now_);
  for (std::size_t slot = 0; begin_ > now_ && slot < activity_.stalled.size(); ++slot) {
    activity_.stalled[slot][at(Stall::memory)] += begin_ - now_;
  }
  for (Bus* bus : {&inputs_, &weights_, &sums_in_, &sums_out_}) bus->start(begin_);
  for (Element& element : elements_) element.works = false;
  words_ = 0;
  steps_ = steps;
  room_ = fifo_ = 1;
  last_out_ = begin_;
  phases_ = {.begin = begin_, .loaded = begin_, .first = kNever};
  return begin_;
}

void Clock::element(std::uint32_t who, const Burst& burst, std::uint32_t group,
                    std::uint64_t held) {
  Element& element = elements_[who];
  element.burst = &burst;
  element.works = true;
  element.group = group;
  element.free = begin_;
  element.held = held;
  element.arrivals = element.sums = 0;
  element.added = begin_;
  element.dropped.clear();
  element.done.resize(burst.filters);
  words_ = std::max<std::size_t>(words_, burst.first_word.size());
  const std::uint64_t most = steps_ * burst.filters;
  room_ = std::max(room_, std::min(sum_words_, most));
  fifo_ = std::max(fifo_, std::min(std::max<std::uint64_t>(timing_.sum_fifo, 1), most));
}

void Clock::load(const Group& group, std::uint64_t words) {
  std::uint64_t last = begin_;
  for (std::uint64_t word = 0; word < words; ++word) last = weights_.take(begin_);
  phases_.loaded = std::max(phases_.loaded, last + 1);
  for (const std::uint32_t who : group) {
    Element& element = elements_[who];
    activity_.stalled[slots_[who]][at(Stall::weights)] += last + 1 - element.free;
    element.free = last + 1;
  }
}

void Clock::send(std::uint32_t group, std::uint32_t word,
                 std::span<const std::uint32_t> receivers) {
  std::uint64_t earliest = begin_;
  for (const std::uint32_t who : receivers) {
    Element& element = elements_[who];
    // Its place is free once so many words before it are gone.
    const std::uint64_t before = element.held + element.arrivals++;
    if (before >= window_words_) {
      earliest = std::max(earliest, element.dropped[before - window_words_] + 1);
    }
  }
  const std::size_t place = group * words_ + word;
  if (place >= arrived_.size()) {
    arrived_.resize(2 * place + 1);
    crowded_.resize(arrived_.size());
  }
  crowded_[place] = inputs_.busy(earliest);
  arrived_[place] = inputs_.take(earliest) + 1;
}

void Clock::compute(std::span<const std::uint32_t> workers, const Motion& motion) {
  for (const std::uint32_t who : workers) run(who, motion.fresh.data(), motion, false);
}

void Clock::compute_first(std::span<const std::uint32_t> workers, const Motion& motion,
                          const std::vector<std::vector<std::uint8_t>>& fresh) {
  for (const std::uint32_t who : workers) {
    Element& element = elements_[who];
    element.left.assign(room_, 0);
    element.taken.assign(fifo_, 0);
    run(who, fresh[who].data(), motion, true);
    phases_.first = std::min(phases_.first, element.first);
  }
}

/// Words are shifted in one after the other, as they come. The first window fills while the filters
/// are loaded.
void Clock::shift_in(std::uint32_t who, const std::uint8_t* fresh, bool first) {
  Element& element = elements_[who];
  const Burst& burst = *element.burst;
  auto& stalled = activity_.stalled[slots_[who]];
  std::uint64_t shifted = first ? begin_ : element.free;
  for (const std::uint32_t word : burst.by_first) {
    if (fresh[word % burst.taps] == 0) continue;
    const std::uint64_t there = arrival(element, word);
    if (there > std::max(shifted, element.free)) {
      const bool crowded = crowded_[element.group * words_ + word] != 0;
      stalled[at(crowded ? Stall::bandwidth : Stall::operand)] +=
          there - std::max(shifted, element.free);
    }
    const std::uint64_t from = std::max(shifted, there);
    if (from + 1 > element.free) {
      stalled[at(Stall::operand)] += from + 1 - std::max(from, element.free);
    }
    shifted = from + 1;
  }
  element.free = std::max(element.free, shifted);
}

void Clock::run(std::uint32_t who, const std::uint8_t* fresh, const Motion& motion, bool first) {
  Element& element = elements_[who];
  const std::size_t slot = slots_[who];
  if (timing_.shift) shift_in(who, fresh, first);
  if (!run_freely(element, fresh, motion)) run_stalled(who, fresh, motion);
  activity_.active[slot] += element.burst->macs;
  if (activity_.first[slot] == kNever) activity_.first[slot] = element.first;
  activity_.last[slot] = element.free - 1;
}

/// The usual case: everything is there when it is wanted.
bool Clock::run_freely(Element& element, const std::uint8_t* fresh, const Motion& motion) {
  const Burst& burst = *element.burst;
  const std::uint64_t start = element.free;
  for (std::uint32_t s = 0; s < burst.taps; ++s) {
    if (fresh[s] == 0) continue;
    for (std::uint32_t word = s; word < burst.first_word.size(); word += burst.taps) {
      if (arrival(element, word) > start + burst.first_word[word]) return false;
    }
  }
  for (std::uint32_t sum = 0; sum < burst.filters; ++sum) {
    if (place(element, element.sums + sum) > start + burst.first_sum[sum]) return false;
  }
  for (std::uint32_t sum = 0; sum < burst.filters; ++sum) {
    element.done[sum] = start + burst.last_sum[sum];
  }
  element.first = start;
  if (!motion.leaves.empty()) {
    for (const std::uint32_t word : burst.by_last) {
      if (motion.leaves[word % burst.taps] != 0) {
        element.dropped.push_back(start + burst.last_word[word]);
      }
    }
  }
  element.free = start + burst.macs;
  return true;
}

void Clock::run_stalled(std::uint32_t who, const std::uint8_t* fresh, const Motion& motion) {
  Element& element = elements_[who];
  const Burst& burst = *element.burst;
  auto& stalled = activity_.stalled[slots_[who]];
  std::uint64_t start = element.free;  // plus every stall so far
  const auto wait = [&](std::uint64_t until, std::uint32_t mac, Stall cause) {
    if (until <= start + mac) return;
    stalled[at(cause)] += until - (start + mac);
    start = until - mac;
  };
  for (const Moment& moment : burst.moments) {
    const std::uint32_t i = moment.index;
    switch (moment.event) {
      case Event::use_word:
        if (fresh[i % burst.taps] != 0) {
          const bool crowded = crowded_[element.group * words_ + i] != 0;
          wait(arrival(element, i), moment.mac, crowded ? Stall::bandwidth : Stall::operand);
        }
        break;
      case Event::begin_sum:
        wait(place(element, element.sums + i), moment.mac, Stall::sums);
        break;
      case Event::end_sum:
        element.done[i] = start + moment.mac;
        break;
      case Event::drop_word:
        if (!motion.leaves.empty() && motion.leaves[i % burst.taps] != 0) {
          element.dropped.push_back(start + moment.mac);
        }
        break;
    }
    if (moment.mac == 0) element.first = start;
  }
  element.free = start + burst.macs;
}

/// One sum of every element in a chain is added to what comes from below and handed on.
void Clock::lift(const Group& chain, std::uint32_t sum, bool begun) {
  std::uint64_t below = 0;  // from when on the sum from below is there
  Element* previous = nullptr;
  for (const std::uint32_t who : chain) {
    Element& element = elements_[who];
    if (previous == nullptr && begun) {
      std::uint64_t& taken = element.taken[(element.sums + sum) % fifo_];
      below = sums_in_.take(std::max(begin_, taken)) + 1;
    }
    const std::uint64_t own = element.done[sum] + timing_.pipeline;
    const std::uint64_t added = std::max({own, below, element.added});
    element.added = added + 1;
    if (previous != nullptr) {
      previous->left[(previous->sums + sum) % room_] = added;
    } else if (begun) {
      element.taken[(element.sums + sum) % fifo_] = added;
    }
    below = added + 1;
    previous = &element;
  }
  const std::uint64_t out = sums_out_.take(below);
  previous->left[(previous->sums + sum) % room_] = out;
  last_out_ = std::max(last_out_, out + 1);
}

void Clock::drain(std::span<const Group> chains, bool begun) {
  std::uint32_t most = 0;
  for (const Group& chain : chains) {
    most = std::max(most, elements_[chain.front()].burst->filters);
    if (!timing_.shared_adder) continue;
    for (const std::uint32_t who : chain) {  // the products come first
      Element& element = elements_[who];
      for (std::uint32_t sum = 0; sum < element.burst->filters; ++sum) {
        element.done[sum] = element.free + sum;
      }
    }
  }
  const std::uint32_t packet = std::min(sums_in_.packet(), sums_out_.packet());
  for (std::uint32_t first = 0; first < most; first += packet) {
    for (const Group& chain : chains) {
      const std::uint32_t filters = elements_[chain.front()].burst->filters;
      for (std::uint32_t sum = first; sum < std::min(first + packet, filters); ++sum) {
        lift(chain, sum, begun);
      }
    }
  }
  for (const Group& chain : chains) {
    for (const std::uint32_t who : chain) {
      Element& element = elements_[who];
      element.sums += element.burst->filters;
      if (!timing_.shared_adder) continue;
      const std::uint64_t issued = element.added - timing_.pipeline;
      activity_.stalled[slots_[who]][at(Stall::sums)] += issued - element.free;
      element.free = issued;
    }
  }
}

void Clock::drain_late(std::uint64_t words) {
  for (std::uint64_t word = 0; word < words; ++word) {
    last_out_ = std::max(last_out_, sums_out_.take(now_) + 1);
  }
}

std::uint64_t Clock::end(std::span<const std::uint32_t> workers) {
  std::uint64_t end = last_out_;
  for (const std::uint32_t who : workers) {
    phases_.last = std::max(phases_.last, elements_[who].free);
  }
  end = std::max(end, phases_.last);
  phases_.end = end;
  for (const std::uint32_t who : workers) {
    activity_.stalled[slots_[who]][at(Stall::sums)] += end - elements_[who].free;
  }
  for (std::size_t who = 0; who < elements_.size(); ++who) {
    if (!elements_[who].works) activity_.stalled[slots_[who]][at(Stall::edge)] += end - begin_;
  }
  return now_ = end;
}

}  // namespace dnnaccel::sim::rows
