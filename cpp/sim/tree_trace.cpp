#include "sim/tree_trace.hpp"

namespace dnnaccel::sim::tree {

namespace {

double number(std::uint64_t value) { return static_cast<double>(value); }

}  // namespace

Trace::Trace(TraceWriter& writer, const std::string& array, const std::string& registers,
             std::uint64_t window)
    : writer_(writer),
      steps_(writer.track("steps", array)),
      waits_(writer.track("waits", array)),
      rate_(writer.track("products", array)),
      window_(window) {
  if (!registers.empty()) loads_ = writer.track("weights in", registers);
}

void Trace::load(std::uint64_t begin, std::uint64_t end, std::int64_t words) {
  if (loads_ < 0 || words == 0) return;
  writer_.span(loads_, "load", number(begin), number(end),
               {{.name = "words", .value = static_cast<double>(words)}});
}

void Trace::wait(std::uint64_t begin, std::uint64_t end, bool memory) {
  if (end > begin) {
    writer_.span(waits_, memory ? "waits for the memory above" : "waits for weights", number(begin),
                 number(end));
  }
}

void Trace::steps(std::uint64_t begin, std::uint64_t end, std::uint64_t steps, std::uint64_t macs) {
  writer_.span(
      steps_, "steps", number(begin), number(end),
      {{.name = "steps", .value = number(steps)}, {.name = "macs", .value = number(macs)}});
  window_macs_ += macs;
  if (end - window_begin_ >= window_) close_window(end);
}

void Trace::close_window(std::uint64_t end) {
  const double cycles = number(end - window_begin_);
  writer_.counter(rate_, "products per cycle", number(window_begin_),
                  number(window_macs_) / cycles);
  window_begin_ = end;
  window_macs_ = 0;
}

void Trace::drain(std::uint64_t begin, std::uint64_t end) {
  if (begin > window_begin_) close_window(begin);
  writer_.counter(rate_, "products per cycle", number(begin), 0);
  writer_.span(steps_, "drain", number(begin), number(end));
}

}  // namespace dnnaccel::sim::tree
