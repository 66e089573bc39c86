#include "sim/systolic_activity.hpp"

#include <algorithm>

namespace dnnaccel::sim {

namespace {

constexpr std::size_t at(Stall why) { return static_cast<std::size_t>(why); }
constexpr std::size_t at(std::int64_t i) { return static_cast<std::size_t>(i); }

bool empty(std::span<const std::uint8_t> lines, std::int64_t i) {
  return !lines.empty() && lines[at(i)] != 0;
}

}  // namespace

SystolicActivity::SystolicActivity(std::int64_t rows, std::int64_t columns, Stationary stationary,
                                   bool double_buffered)
    : stationary_(stationary),
      double_buffered_(double_buffered),
      activity_(rows, columns),
      elements_(at(rows * columns)),
      undisturbed_(stationary, double_buffered) {}

void SystolicActivity::wait(std::size_t element, std::uint64_t cycles, Stall why) {
  activity_.stalled[element][at(why)] += cycles;
  elements_[element].seen += cycles;
}

/// What an element that worked waits for after its last product, until its fold has ended: the
/// others' operands, and where outputs stay the sums that are shifted out.
void SystolicActivity::trail(std::size_t element, std::uint64_t end) {
  Element& here = elements_[element];
  if (!here.worked || here.seen >= end) return;
  const auto drain =
      static_cast<std::uint64_t>(stationary_ == Stationary::outputs ? last_shape_.rows : 0);
  const std::uint64_t rest = end - here.seen;
  const std::uint64_t sums = std::min(rest, drain);
  wait(element, rest - sums, Stall::operand);
  wait(element, sums, Stall::sums);
}

void SystolicActivity::work(std::size_t element, std::uint64_t skew, const FoldShape& shape,
                            const FoldCycles& cycles, std::uint64_t late) {
  Element& here = elements_[element];
  const std::uint64_t begin = cycles.start + skew;
  wait(element, std::min(late, begin - here.seen), Stall::memory);
  if (shape.loads) {
    const auto rows = static_cast<std::uint64_t>(shape.rows);
    // With double buffering the load shows as far as the fold before was shorter.
    const std::uint64_t loaded = cycles.load + rows + skew;
    const std::uint64_t shows = !overlaps() ? rows : loaded > here.seen ? loaded - here.seen : 0;
    wait(element, std::min(begin - here.seen, shows),
         stationary_ == Stationary::outputs ? Stall::sums : Stall::weights);
  }
  // What remains between folds that overlap is the order in which sums leave.
  wait(element, begin - here.seen, overlaps() ? Stall::sums : Stall::operand);
  const auto steps = static_cast<std::uint64_t>(shape.steps);
  activity_.active[element] += steps;
  activity_.first[element] = std::min(activity_.first[element], begin);
  activity_.last[element] = begin + steps - 1;
  here.seen += steps;
}

void SystolicActivity::idle(std::size_t element, std::uint64_t skew, const FoldShape& shape,
                            const FoldCycles& cycles) {
  Element& here = elements_[element];
  const std::uint64_t until =
      double_buffered_ ? cycles.start + skew + static_cast<std::uint64_t>(shape.steps) : cycles.end;
  if (until > here.seen) wait(element, until - here.seen, Stall::edge);
}

std::uint64_t SystolicActivity::lateness(const FoldShape& shape, const FoldCycles& cycles) {
  const std::uint64_t took = cycles.start - (any_ ? last_.start : 0);
  const std::uint64_t before = undisturbed_.start();
  const std::uint64_t alone = undisturbed_.fold(shape).start - before;
  return took > alone ? took - alone : 0;
}

void SystolicActivity::fold(const FoldShape& shape, const FoldCycles& cycles,
                            std::span<const std::uint8_t> empty_rows,
                            std::span<const std::uint8_t> empty_columns) {
  const std::uint64_t late = lateness(shape, cycles);
  std::size_t element = 0;
  for (std::int64_t i = 0; i < activity_.rows; ++i) {
    const bool row_works = i < shape.rows && !empty(empty_rows, i);
    for (std::int64_t j = 0; j < activity_.columns; ++j, ++element) {
      if (any_ && !double_buffered_) trail(element, last_.end);
      const bool works = row_works && j < shape.columns && !empty(empty_columns, j);
      const auto skew = static_cast<std::uint64_t>(i + j);
      if (works) {
        work(element, skew, shape, cycles, late);
      } else {
        idle(element, skew, shape, cycles);
      }
      elements_[element].worked = works;
    }
  }
  any_ = true;
  last_shape_ = shape;
  last_ = cycles;
}

Activity SystolicActivity::finish(std::uint64_t cycles) {
  for (std::size_t element = 0; element < elements_.size(); ++element) {
    trail(element, cycles);
    Element& here = elements_[element];
    if (here.seen <= cycles) {
      wait(element, cycles - here.seen, Stall::edge);
    } else {  // idle in a last fold, and that was shorter than it is wide
      activity_.stalled[element][at(Stall::edge)] -= here.seen - cycles;
    }
  }
  return std::move(activity_);
}

}  // namespace dnnaccel::sim
