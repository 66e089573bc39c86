#include "sim/row_trace.hpp"

namespace dnnaccel::sim::rows {

namespace {

double number(std::uint64_t value) { return static_cast<double>(value); }

}  // namespace

Trace::Trace(TraceWriter& writer, const std::string& array, std::uint64_t window)
    : writer_(writer),
      filters_(writer.track("filters in", array)),
      bursts_(writer.track("bursts", array)),
      sums_(writer.track("last sums out", array)),
      rate_(writer.track("products", array)),
      window_(window) {}

void Trace::pass(const Phases& phases, std::uint64_t steps, std::uint64_t macs) {
  if (phases.loaded > phases.begin) {
    writer_.span(filters_, "load", number(phases.begin), number(phases.loaded));
  }
  writer_.span(
      bursts_, "bursts", number(phases.first), number(phases.last),
      {{.name = "positions", .value = number(steps)}, {.name = "macs", .value = number(macs)}});
  if (phases.end > phases.last) {
    writer_.span(sums_, "drain", number(phases.last), number(phases.end));
  }
  window_macs_ += macs;
  if (phases.end - window_begin_ < window_) return;
  const double cycles = number(phases.end - window_begin_);
  writer_.counter(rate_, "products per cycle", number(window_begin_),
                  number(window_macs_) / cycles);
  window_begin_ = phases.end;
  window_macs_ = 0;
}

}  // namespace dnnaccel::sim::rows
