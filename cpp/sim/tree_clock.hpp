#pragma once

#include <array>
#include <cstdint>
#include <vector>

#include "arch/architecture.hpp"
#include "sim/activity.hpp"
#include "sim/tree_shape.hpp"

/// When an adder-tree array does what: its steps, the ports that feed them and the loads between.
namespace dnnaccel::sim::tree {

/// Words that the multipliers of one step ask for, and that it adds to.
struct Demand {
  std::int64_t inputs = 0;
  std::int64_t weights = 0;  ///< fetched in this step; 0 where registers hold them
  std::int64_t sums_read = 0;
  std::int64_t sums_written = 0;
  bool operator==(const Demand&) const = default;
};

/// New weights of a fold: words that leave the memory above, and the most that one register takes.
struct Load {
  std::int64_t words = 0;
  std::int64_t per_register = 0;
};

using StallCycles = std::array<std::uint64_t, kStalls>;

/// Cycle 0 is the first. A step enters the multipliers for one cycle. Its words are collected in a
/// register before them while the step before is there, so it takes as many cycles as the slowest
/// port needs for them, at least one. Bandwidths are rounded up to 2^-20 words a cycle.
class Clock {
 public:
  Clock(const arch::Architecture& architecture, const Shape& shape);

  /// Begin a fold whose operands are in the memories above from `ready` on. What the ports did not
  /// need for the steps since the last load goes to its weights, if they can be loaded behind them.
  /// Returns the cycle in which the array begins to work for it. `waits` has the cycles that the
  /// array stood still, by cause.
  std::uint64_t begin_fold(const Load& load, std::uint64_t ready, StallCycles& waits);
  /// Do one step. Returns the cycles it took, and in `cause` why more than one.
  std::uint64_t step(const Demand& demand, Stall& cause);

  /// Cycle in which the next step could enter: behind every step so far.
  [[nodiscard]] std::uint64_t now() const { return now_; }
  [[nodiscard]] std::uint64_t load_begin() const { return load_begin_; }
  [[nodiscard]] std::uint64_t load_end() const { return load_end_; }

 private:
  /// A port or a network: what of a demand passes it, and whether weights for registers do.
  struct Channel {
    std::int64_t rate = 0;  ///< in 2^-20 words per cycle
    bool inputs = false;
    bool weights = false;
    bool sums_read = false;
    bool sums_written = false;
    bool loads = false;
    Stall cause = Stall::bandwidth;

    [[nodiscard]] std::int64_t words(const Demand& demand) const {
      return (inputs ? demand.inputs : 0) + (weights ? demand.weights : 0) +
             (sums_read ? demand.sums_read : 0) + (sums_written ? demand.sums_written : 0);
    }
  };
  /// Steps one after the other that were alike, and what each left of the ports that loads use.
  struct Stretch {
    std::uint64_t begin = 0;
    std::uint64_t steps = 0;
    std::uint64_t cycles = 1;  ///< of each
    std::int64_t spare = 0;    ///< in 2^-20 words, of each
  };

  void add_channel(double bandwidth, Channel channel);
  void weigh(const Demand& demand);
  void remember_spare();
  void load_behind(std::int64_t& left, std::uint64_t from, std::uint64_t& end) const;

  std::vector<Channel> channels_;
  bool hides_loads_ = false;
  std::int64_t register_rate_ = 0;  ///< in 2^-20 words per cycle; 0: never limits
  std::int64_t load_rate_ = 0;      ///< of the slowest channel that loads pass; 0: never limits
  std::uint64_t now_ = 0;
  std::uint64_t swapped_ = 0;  ///< cycle from which the registers in use have what they have
  std::uint64_t load_begin_ = 0;
  std::uint64_t load_end_ = 0;
  bool started_ = false;
  std::vector<Stretch> stretches_;  ///< since then
  Demand last_{.inputs = -1};
  std::uint64_t last_cycles_ = 1;
  std::int64_t last_spare_ = 0;
  Stall last_cause_ = Stall::bandwidth;
};

}  // namespace dnnaccel::sim::tree
