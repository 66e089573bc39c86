#pragma once

#include <cstdint>

/// When a systolic array begins and ends its folds: the rules, and counting by them without values.
namespace dnnaccel::sim {

/// What stays in the elements while a fold lasts.
enum class Stationary : std::uint8_t { inputs, weights, outputs };

/// The part of the array that a fold uses, and how many words of each stream pass an element.
/// `loads`: a stationary tile, or sums that were begun, must be shifted in first.
struct FoldShape {
  std::int64_t rows = 1;
  std::int64_t columns = 1;
  std::int64_t steps = 1;
  bool loads = true;
  bool operator==(const FoldShape&) const = default;
};

/// The cycles of a fold. It is loaded from `load` on, its first element multiplies first at
/// `start`, and at `end` its last sum has left.
struct FoldCycles {
  std::uint64_t load = 0;
  std::uint64_t start = 0;
  std::uint64_t end = 0;
  bool operator==(const FoldCycles&) const = default;
};

/// Cycles from a fold's start to its end: the element at row i and column j works i + j cycles
/// behind the first one, and sums that stayed are shifted out row by row.
constexpr std::int64_t cycles_from_start(Stationary stationary, const FoldShape& fold) {
  const std::int64_t wave = fold.steps + fold.rows + fold.columns - 2;
  return stationary == Stationary::outputs ? wave + fold.rows : wave;
}

/// Sums that come back are those of an earlier fold, and are not there before it has ended.
constexpr bool waits_for_sums(Stationary stationary, const FoldShape& fold) {
  return stationary == Stationary::outputs && fold.loads;
}

/// Cycles from one fold's start to the earliest start of the next, where they may overlap: streams
/// follow each other without a gap, unless sums of the next fold would leave a column before the
/// last ones of this fold have.
std::int64_t cycles_to_next(Stationary stationary, const FoldShape& fold, const FoldShape& next);

/// The times of folds that follow each other.
class SystolicClock {
 public:
  SystolicClock(Stationary stationary, bool double_buffered)
      : stationary_(stationary), double_buffered_(double_buffered) {}

  /// The next fold; what it needs is in the memories above from cycle `ready` on.
  FoldCycles fold(const FoldShape& shape, std::uint64_t ready = 0);
  /// As if folds had followed that take so many cycles and end in the same state.
  void skip(std::uint64_t cycles);
  /// When the last of the folds so far has ended.
  [[nodiscard]] std::uint64_t end() const { return end_; }
  /// When the last fold so far started.
  [[nodiscard]] std::uint64_t start() const { return last_.start; }

 private:
  Stationary stationary_;
  bool double_buffered_;
  bool any_ = false;
  FoldShape last_shape_;
  FoldCycles last_;
  std::uint64_t end_ = 0;
};

}  // namespace dnnaccel::sim
