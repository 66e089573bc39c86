#include "sim/systolic_trace.hpp"

#include <algorithm>
#include <vector>

namespace dnnaccel::sim {

namespace {

constexpr const char* kCurve = "products per cycle";

double number(std::uint64_t cycle) { return static_cast<double>(cycle); }

/// How many elements of a fold work so many cycles behind the first one: those on one diagonal.
std::vector<double> diagonals(const FoldWork& work) {
  std::vector<double> found(work.rows.size() + work.columns.size() - 1);
  for (std::size_t i = 0; i < work.rows.size(); ++i) {
    for (std::size_t j = 0; work.has_row(i) && j < work.columns.size(); ++j) {
      if (work.has_column(j)) found[i + j] += 1;
    }
  }
  return found;
}

}  // namespace

SystolicTrace::SystolicTrace(TraceWriter& writer, const std::string& array, Stationary stationary,
                             std::uint64_t window)
    : writer_(writer),
      stationary_(stationary),
      window_(std::max<std::uint64_t>(window, 1)),
      loads_(writer.track(stationary == Stationary::outputs ? "sums in" : "tile in", array)),
      streams_(writer.track("stream in", array)),
      leaving_(writer.track("sums out", array)),
      curve_(writer.track(kCurve, array)) {}

void SystolicTrace::fold(const FoldWork& work, const FoldCycles& cycles) {
  const FoldShape shape = work.shape();
  const auto rows = static_cast<std::uint64_t>(shape.rows);
  const auto steps = static_cast<std::uint64_t>(shape.steps);
  if (shape.loads) {
    writer_.span(loads_, "load", number(cycles.load), number(cycles.load + rows),
                 {{.name = "rows", .value = number(rows)}});
  }
  writer_.span(streams_, "stream", number(cycles.start), number(cycles.start + steps),
               {{.name = "steps", .value = number(steps)}});
  // Sums leave below the last row: with the wave that they move in, or after it.
  const std::uint64_t wait = rows - 1 + (stationary_ == Stationary::outputs ? steps : 0);
  const std::uint64_t begin = std::max(left_, cycles.start + wait);
  if (begin < cycles.end) {
    writer_.span(leaving_, "sums", number(begin), number(cycles.end));
    left_ = cycles.end;
  }
  // Later folds work later, element by element.
  draw_before(cycles.start);
  multiply(work, cycles);
}

void SystolicTrace::multiply(const FoldWork& work, const FoldCycles& cycles) {
  const std::vector<double> elements = diagonals(work);
  for (std::size_t d = 0; d < elements.size(); ++d) {
    const std::uint64_t begin = cycles.start + d;
    add(begin, begin + static_cast<std::uint64_t>(work.steps), elements[d]);
  }
}

void SystolicTrace::add(std::uint64_t begin, std::uint64_t end, double elements) {
  for (std::uint64_t at = begin; at < end;) {
    const std::uint64_t window = at / window_;
    const std::uint64_t until = std::min(end, (window + 1) * window_);
    while (products_.size() <= window - first_) products_.push_back(0);
    products_[window - first_] += elements * number(until - at);
    at = until;
  }
}

/// Windows that nothing is added to any more.
void SystolicTrace::draw_before(std::uint64_t cycle) {
  for (; (first_ + 1) * window_ <= cycle; ++first_) {
    const double products = products_.empty() ? 0 : products_.front();
    if (!products_.empty()) products_.pop_front();
    writer_.counter(curve_, kCurve, number(first_ * window_), products / number(window_));
  }
}

void SystolicTrace::finish(std::uint64_t cycles) {
  draw_before(cycles);
  if (!products_.empty()) {
    const double rest = number(cycles - first_ * window_);
    if (rest > 0) {
      writer_.counter(curve_, kCurve, number(first_ * window_), products_.front() / rest);
    }
  }
  writer_.counter(curve_, kCurve, number(cycles), 0);
}

}  // namespace dnnaccel::sim
