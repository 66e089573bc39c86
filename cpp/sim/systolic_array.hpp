#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <vector>

#include "sim/systolic_clock.hpp"

/// A grid of multiply-accumulate elements that pass words to their neighbours, cycle by cycle.
namespace dnnaccel::sim {

/// Where the words of one fold come from and where its sums go. Blocks of words lie with one line
/// per row (or column) of the array, `pitch` words apart. Called for consecutive blocks of steps.
template <typename T>
class FoldPort {
 public:
  virtual ~FoldPort() = default;
  /// The tile to shift in, row by row without gaps: the stationary operand, or sums to go on with.
  virtual void load(T* tile) = 0;
  /// The words that enter each row from the left at steps [first, first + steps).
  virtual void enter_rows(std::int64_t first, std::int64_t steps, T* block, std::size_t pitch) = 0;
  /// The words that enter each column from above; only where outputs stay.
  virtual void enter_columns(std::int64_t first, std::int64_t steps, T* block,
                             std::size_t pitch) = 0;
  /// The sums that left each column. Where outputs stay: each row's, for `first` = 0 and as many
  /// steps as there are columns.
  virtual void leave(std::int64_t first, std::int64_t steps, const T* block, std::size_t pitch) = 0;
};

/// The array. Each element holds a stationary word and the one that will replace it, a word that
/// moves to the right, and a sum that moves down; where outputs stay, a second word that moves down
/// in place of the sum, and a sum that is on its way out. One call of step() is one cycle.
///
/// Words enter skewed: row i (and column j) one cycle after the row (column) before it. An element
/// uses the tile of a fold from the moment the fold's first word reaches it, so that folds may
/// follow each other as closely as SystolicClock says. A tile that does not fill the array uses its
/// first rows and columns; words do not pass the others.
///
/// T: std::uint32_t (whose products and sums are those of int32 when they fit it) or float.
template <typename T>
class SystolicGrid {
 public:
  /// Called now and then with the MACs done so far; it may throw to stop.
  using Watch = std::function<void(std::uint64_t)>;

  SystolicGrid(std::int64_t rows, std::int64_t columns, Stationary stationary, bool double_buffered,
               Watch watch = {});

  /// Run until this fold has started. Not before cycle `ready`.
  FoldCycles issue(const FoldShape& shape, std::unique_ptr<FoldPort<T>> port, std::uint64_t ready);
  /// Run until nothing is left in the array.
  void finish();

  [[nodiscard]] std::uint64_t cycle() const { return cycle_; }
  [[nodiscard]] std::uint64_t macs() const { return macs_; }

 private:
  /// Words of some consecutive steps for each row or column, by step modulo a power of two.
  struct Ring {
    std::vector<T> words;
    std::size_t pitch = 0;
    std::int64_t mask = 0;
    std::int64_t steps = 0;  ///< handled so far

    void size(std::int64_t lines, std::int64_t total, std::int64_t block);
    T& word(std::int64_t line, std::int64_t step) {
      return words[static_cast<std::size_t>(line) * pitch + static_cast<std::size_t>(step & mask)];
    }
    T* from(std::int64_t step) { return words.data() + (step & mask); }
  };
  /// A fold between its load and its last sum.
  struct Flight {
    FoldShape shape;
    std::unique_ptr<FoldPort<T>> port;
    FoldCycles at;
    bool started = false;
    std::vector<T> tile;  ///< to be shifted in; where outputs stay, also what was shifted out
    Ring rows;
    Ring columns;
    Ring sums;
  };
  /// Columns [low, high] of a row.
  struct Band {
    std::int64_t low = 0;
    std::int64_t high = 0;
  };

  void step();
  void run_to(std::uint64_t cycle);
  void shift_moving_words();
  void wave_of_sums(Flight& flight, std::int64_t now);
  void wave_of_products(Flight& flight, std::int64_t now);
  void shift_out(Flight& flight, std::int64_t now);
  void shift_in(Flight& flight, std::int64_t now);
  void fetch(Flight& flight, std::int64_t now);
  void hand_over(Flight& flight, std::int64_t done);
  [[nodiscard]] bool may_start(const Flight& flight) const;

  T* moving(std::int64_t row) { return moving_[static_cast<std::size_t>(row)]; }
  T* line(std::vector<T>& registers, std::int64_t row) {
    return registers.data() + static_cast<std::size_t>(row) * pitch_;
  }
  T* falling(std::int64_t row) { return line(falling_, (top_ + row) % rows_); }

  std::int64_t rows_;
  std::int64_t columns_;
  Stationary stationary_;
  bool double_buffered_;
  Watch watch_;
  std::size_t pitch_;

  std::vector<T> held_;  ///< stationary words, or the sums that stay
  std::vector<T> next_;  ///< words on their way in, to be held by the next fold
  std::vector<T> sums_;  ///< sums that move down, below a row of zeros; or those on their way out
  std::vector<T> falling_;  ///< where outputs stay: words that move down, row `top_` first
  std::int64_t top_ = 0;
  // A row's words move to the right by one each cycle: the window on a longer buffer moves left.
  std::vector<T> moving_words_;
  std::vector<T*> moving_;

  std::deque<Flight> flights_;
  FoldShape last_shape_;
  FoldCycles last_;
  bool any_ = false;
  std::uint64_t cycle_ = 0;
  std::uint64_t macs_ = 0;
  std::uint64_t watched_ = 0;
};

extern template class SystolicGrid<std::uint32_t>;
extern template class SystolicGrid<float>;

}  // namespace dnnaccel::sim
