#pragma once

#include <algorithm>
#include <cmath>
#include <cstdint>

namespace dnnaccel::sim::rows {

/// A bus that carries so many words a cycle, in the order in which it is given them.
class Bus {
 public:
  explicit Bus(double words_per_cycle) : interval_(1 / words_per_cycle) {
    whole_ = words_per_cycle == std::floor(words_per_cycle);
    // Nothing is as wide as that in one cycle, so it stands for a bus without limits.
    width_ = whole_ && words_per_cycle < 1e9 ? static_cast<std::uint64_t>(words_per_cycle)
                                             : std::uint64_t{1} << 62;
  }

  /// Nothing crosses before `cycle`.
  void start(std::uint64_t cycle) {
    cycle_ = cycle;
    used_ = 0;
    next_ = static_cast<double>(cycle);
  }

  /// The cycle in which the next word crosses, if it may from `earliest` on.
  std::uint64_t take(std::uint64_t earliest) {
    if (whole_) {
      if (earliest > cycle_) {
        cycle_ = earliest;
        used_ = 0;
      } else if (used_ == width_) {
        ++cycle_;
        used_ = 0;
      }
      ++used_;
      return cycle_;
    }
    next_ = std::max(next_, static_cast<double>(earliest)) + interval_;
    return static_cast<std::uint64_t>(std::ceil(next_)) - 1;
  }

  /// Whether a word that may cross in `earliest` would have to wait for others.
  [[nodiscard]] bool busy(std::uint64_t earliest) const {
    return whole_ ? earliest < cycle_ || (earliest == cycle_ && used_ == width_)
                  : static_cast<double>(earliest) < next_;
  }

  /// Words that cross together: those of one packet.
  [[nodiscard]] std::uint32_t packet() const {
    return static_cast<std::uint32_t>(std::min<std::uint64_t>(whole_ ? width_ : 1, 64));
  }

 private:
  double interval_;
  bool whole_ = true;
  std::uint64_t width_ = 1;
  std::uint64_t cycle_ = 0;
  std::uint64_t used_ = 0;
  double next_ = 0;
};

}  // namespace dnnaccel::sim::rows
