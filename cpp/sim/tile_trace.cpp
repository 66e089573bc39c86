#include "sim/tile_trace.hpp"

#include <algorithm>
#include <string>

namespace dnnaccel::sim {

namespace {

constexpr std::size_t at(int i) { return static_cast<std::size_t>(i); }

constexpr std::array<const char*, kWaits> kNames = {"fill", "refill", "bandwidth",
                                                    "port", "drain",  "array"};

}  // namespace

TileTrace::TileTrace(const arch::Architecture& architecture, TraceWriter& writer)
    : architecture_(architecture), writer_(writer) {
  macs_.track = writer.track("at work", "MACs");
  waits_.track = writer.track("waiting", "MACs");
}

/// A transfer that had to wait for the one before it is drawn from there on.
void TileTrace::draw(Line& line, const std::string& name, double begin, double end,
                     const char* what, double value) {
  begin = std::max(begin, line.end);
  if (end <= begin) return;
  writer_.span(line.track, name, begin, end, {{.name = what, .value = value}});
  line.end = end;
}

void TileTrace::moved(int level, problem::Role role, bool fill, double begin, double end,
                      std::uint64_t words) {
  Line& line = lines_[at(level)][at(problem::index(role))][fill ? 0 : 1];
  const std::string name = std::string(problem::name(role)) + (fill ? " in" : " out");
  if (line.track < 0) line.track = writer_.track(name, architecture_.memory(level)->name);
  draw(line, name, begin, end, "words", static_cast<double>(words));
}

void TileTrace::worked(double begin, double end, std::uint64_t macs) {
  draw(macs_, "tile", begin, end, "macs", static_cast<double>(macs));
}

void TileTrace::waited(const Lost& lost, double begin) {
  std::string name = kNames[at(static_cast<int>(lost.wait))];
  if (lost.waiting >= 0) name += ", " + architecture_.memory(lost.waiting)->name;
  draw(waits_, name, begin, begin + lost.cycles, "cycles", lost.cycles);
}

}  // namespace dnnaccel::sim
