#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "sim/activity.hpp"
#include "sim/row_burst.hpp"
#include "sim/row_bus.hpp"

/// When everything in a row-stationary array happens. It knows no values and counts no words: it is
/// told what moves, step by step, and says when. A step is one output position: every element at
/// work does one burst.
namespace dnnaccel::sim::rows {

/// What is not in the mapping. Where the chip's own figure is not public, docs/row-stationary.md
/// has what it is taken from.
struct Timing {
  std::uint64_t input_fifo = 16;  ///< words between the input bus and an element's scratchpad
  std::uint64_t sum_fifo = 32;    ///< words between an element and the next one up, or a bus
  std::uint64_t pipeline = 3;     ///< cycles from a MAC's issue until its sum is there
  /// Between bursts an element shifts new words into its window, one a cycle, and a burst begins
  /// when the window is complete. If not, words come in while the burst goes on.
  bool shift = true;
  /// The adder that accumulates products takes the sums from below too, in cycles of its own.
  bool shared_adder = false;
};

/// When a pass did what.
struct Phases {
  std::uint64_t begin = 0;
  std::uint64_t loaded = 0;  ///< the last filter was there; `begin` if none came
  std::uint64_t first = 0;   ///< the first MAC
  std::uint64_t last = 0;    ///< the cycle after the last MAC
  std::uint64_t end = 0;
};

struct Widths {  ///< words per cycle
  double inputs = 0, weights = 0, sums_in = 0, sums_out = 0;
};

/// Elements that share the words of one input row, or one row of filters, in a fold.
using Group = std::vector<std::uint32_t>;

/// What moves in a step, by word of a window c * taps + s; all elements at work alike.
struct Motion {
  std::vector<std::uint8_t> fresh;   ///< by tap: it comes over the bus for this step
  std::vector<std::uint8_t> leaves;  ///< by tap: no longer wanted after it
};

class Clock {
 public:
  Clock(const Widths& widths, const Timing& timing, const Spads& spads, Activity& activity,
        std::vector<std::size_t> slots);

  // A fold: begin it, then say who works on what.

  /// The array starts at `ready`, or when the fold before is over, whichever is later. In it are
  /// up to `steps` steps. Returns when that is.
  std::uint64_t begin(std::uint64_t ready, std::uint64_t steps);
  /// This element works, and keeps `held` words of its last window.
  void element(std::uint32_t who, const Burst& burst, std::uint32_t group, std::uint64_t held);
  /// These elements take `words` words of filters from the bus, all the same.
  void load(const Group& group, std::uint64_t words);

  // A step, in this order.

  /// A window's word crosses the bus for these elements of an input row's group.
  void send(std::uint32_t group, std::uint32_t word, std::span<const std::uint32_t> receivers);
  /// Every element at work does its burst. `leaves`: see Motion; empty if all of the window does.
  void compute(std::span<const std::uint32_t> workers, const Motion& motion);
  /// The same, of a first step, where elements differ in what is fresh (by element and tap).
  void compute_first(std::span<const std::uint32_t> workers, const Motion& motion,
                     const std::vector<std::vector<std::uint8_t>>& fresh);
  /// Sums go up every chain, first to last element, and out; the first takes begun ones from the
  /// buffer if they are there (`begun`).
  void drain(std::span<const Group> chains, bool begun);
  /// Sums of elements that no longer work leave by themselves.
  void drain_late(std::uint64_t words);

  /// The fold is over. Returns when.
  std::uint64_t end(std::span<const std::uint32_t> workers);
  /// Of the pass that is over.
  [[nodiscard]] const Phases& phases() const { return phases_; }

 private:
  struct Element {
    const Burst* burst = nullptr;
    bool works = false;
    std::uint32_t group = 0;
    std::uint64_t free = 0;      ///< from when on it can issue a MAC
    std::uint64_t first = 0;     ///< when it issued the first MAC of its last burst
    std::uint64_t held = 0;      ///< words of its window that were there when the fold began
    std::uint64_t arrivals = 0;  ///< words that came since
    std::uint64_t sums = 0;      ///< sums begun since
    std::uint64_t added = 0;     ///< when the last sum passed its adder, + 1
    std::vector<std::uint64_t> dropped;  ///< when each word's place became free
    std::vector<std::uint64_t> left;     ///< ring: when a sum left for the next element
    std::vector<std::uint64_t> taken;    ///< ring: when a sum from the buffer was added
    std::vector<std::uint64_t> done;     ///< by sum of the step: when its last MAC was issued
  };

  void run(std::uint32_t who, const std::uint8_t* fresh, const Motion& motion, bool first);
  bool run_freely(Element& element, const std::uint8_t* fresh, const Motion& motion);
  void shift_in(std::uint32_t who, const std::uint8_t* fresh, bool first);
  void run_stalled(std::uint32_t who, const std::uint8_t* fresh, const Motion& motion);
  [[nodiscard]] std::uint64_t arrival(const Element& element, std::uint32_t word) const {
    return arrived_[element.group * words_ + word];
  }
  /// From when on the sum number `sum` has a place in the scratchpad.
  [[nodiscard]] std::uint64_t place(const Element& element, std::uint64_t sum) const {
    return sum < room_ ? 0 : element.left[sum % room_];
  }
  void lift(const Group& chain, std::uint32_t sum, bool begun);

  Timing timing_;
  Bus inputs_, weights_, sums_in_, sums_out_;
  std::uint64_t window_words_;  ///< that an element can hold, FIFO included
  std::uint64_t sum_words_;     ///< sums that can be in an element, FIFO included
  std::uint64_t room_ = 0;      ///< the same, or more than a fold has
  std::uint64_t fifo_ = 0;      ///< sums from the buffer on their way, or more than a fold has
  Activity& activity_;
  std::vector<std::size_t> slots_;  ///< by element: where it is in `activity_`
  std::vector<Element> elements_;
  std::vector<std::uint64_t> arrived_;  ///< by group and word: from when on it is there
  std::vector<std::uint8_t> crowded_;   ///< the same: it waited for other words on the bus
  std::size_t words_ = 0;               ///< of the largest window in the fold
  std::uint64_t steps_ = 0;
  std::uint64_t begin_ = 0;
  std::uint64_t last_out_ = 0;  ///< when the last sum had left, in this fold
  std::uint64_t now_ = 0;
  Phases phases_;
};

}  // namespace dnnaccel::sim::rows
