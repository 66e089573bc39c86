#pragma once

#include <cstdint>
#include <vector>

#include "sim/scalesim_folds.hpp"
#include "sim/scalesim_window.hpp"

/// SCALE-Sim's user mode: operands are prefetched in an order of their own, and the array waits.
namespace dnnaccel::sim::scalesim {

/// The buffer of an operand that is read. What it prefetches is a list of words, cut into sets; it
/// holds the sets of a window on the list, which moves on, around its end too, whenever a word is
/// asked for that is in none of them.
class PrefetchBuffer {
 public:
  /// `slots` is the length of the list with its empty slots, `list` the list without them.
  PrefetchBuffer(std::vector<std::uint32_t> list, std::int64_t slots, std::int64_t addresses,
                 std::int64_t kb, std::int64_t bandwidth);

  /// Whether the window may ever have to move.
  [[nodiscard]] bool can_miss() const { return held_sets_ < sets_; }
  /// A line of demands begins at cycle `now`.
  void begin_line(std::int64_t now) {
    now_ = now;
    latency_ = 1;
  }
  void ask(std::int64_t address) {
    while (there_[static_cast<std::size_t>(address)] == 0) prefetch();
  }
  /// How late the line is, below 0 where prefetching is ahead.
  [[nodiscard]] std::int64_t delay() const { return latency_ - 1; }

  [[nodiscard]] Traffic dram() const;

 private:
  void prefetch();
  void count_set(std::int64_t set, std::int32_t by);

  std::vector<std::uint32_t> list_;
  std::vector<std::int32_t> there_;  ///< how often the window has each address
  std::int64_t bandwidth_;
  std::int64_t set_size_;
  std::int64_t sets_;
  std::int64_t held_sets_;
  std::int64_t fetched_sets_;  ///< by which the window moves
  std::int64_t first_lines_;   ///< cycles of the first fill
  std::int64_t lines_;         ///< cycles of every further fetch
  std::int64_t window_ = 0;
  std::int64_t fetches_ = 0;
  std::int64_t end_ = -1;  ///< cycle in which the last fetch ended
  std::int64_t now_ = 0;
  std::int64_t latency_ = 1;
};

/// Count a layer in user mode; `count` has its SRAM's lines and words already.
void count_user(const Layer& layer, const Config& config, const Shape& shape, const Folds& folds,
                const KeepGoing& keep_going, Count& count);

}  // namespace dnnaccel::sim::scalesim
