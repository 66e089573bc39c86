#include "sim/trace.hpp"

#include <pybind11/functional.h>
#include <pybind11/stl.h>

#include "bindings/bindings.hpp"
#include "bindings/sim_activity.hpp"
#include "sim/tile_trace.hpp"

namespace py = pybind11;

namespace dnnaccel::bindings {

namespace {

py::dict finish(sim::TraceWriter& writer) {
  const sim::TraceCounts counts = writer.finish();
  py::dict out;
  out["bytes"] = counts.bytes;
  out["tracks"] = counts.tracks;
  out["spans"] = counts.spans;
  out["counters"] = counts.counters;
  out["dropped"] = counts.dropped;
  out["last_cycle"] = counts.last_cycle;
  return out;
}

/// The tile level, drawn; None if progress stopped it.
py::object trace_tiles(const problem::Problem& problem, const arch::Architecture& architecture,
                       const mapping::Mapping& mapping, sim::TraceWriter& writer,
                       const std::vector<double>& latency, double window,
                       const RunProgress& progress) {
  sim::TileOptions options;
  if (latency.size() > options.latency.size()) throw std::invalid_argument("too many levels");
  std::copy(latency.begin(), latency.end(), options.latency.begin());
  sim::TileTrace trace(writer, architecture, window);
  options.observer = &trace;
  options.poll = make_poll(progress);
  std::optional<sim::TileRun> run;
  {
    const py::gil_scoped_release release;
    run = sim::simulate_tiles(problem, architecture, mapping, options);
  }
  if (!run) return py::none();
  trace.finish();
  py::dict out;
  out["cycles"] = run->cycles;
  out["compute_cycles"] = run->compute_cycles;
  out["transfers"] = run->transfers;
  out["positions"] = run->positions;
  return out;
}

}  // namespace

void register_trace(py::module_& module) {
  using Text = std::vector<std::pair<std::string, std::string>>;
  py::class_<sim::TraceWriter>(module, "TraceWriter",
                               "A trace-event file, written as things happen.")
      .def(py::init([](const std::string& path, double clock_mhz, std::uint64_t max_bytes,
                       const Text& about) {
             return std::make_unique<sim::TraceWriter>(
                 path,
                 sim::TraceOptions{.clock_mhz = clock_mhz, .max_bytes = max_bytes, .about = about});
           }),
           py::arg("path"), py::kw_only(), py::arg("clock_mhz"), py::arg("max_bytes"),
           py::arg("about"),
           "about: names and texts that stand at the end. ValueError if nothing would fit, "
           "RuntimeError if the file cannot be written.")
      .def("track", &sim::TraceWriter::track, py::arg("name"), py::arg("group"),
           "A new line of the picture.")
      .def(
          "span",
          [](sim::TraceWriter& self, int track, const std::string& name, double begin, double end) {
            self.span(track, name, begin, end);
          },
          py::arg("track"), py::arg("name"), py::arg("begin"), py::arg("end"),
          "Something that took from one cycle to another.")
      .def("counter", &sim::TraceWriter::counter, py::arg("track"), py::arg("name"),
           py::arg("cycle"), py::arg("value"), "What a quantity is from a cycle on.")
      .def("finish", &finish, "End the file; what is in it, and how many events found no room.");
  module.def(
      "trace_tiles", &trace_tiles, py::arg("problem"), py::arg("architecture"), py::arg("mapping"),
      py::arg("writer"), py::kw_only(), py::arg("latency"), py::arg("window"),
      py::arg("progress") = py::none(),
      "Simulate one mapping tile by tile, and draw it: what came of it as a dict, or None if "
      "progress(positions done, in all) returned False. Ctrl-C ends it.");
}

}  // namespace dnnaccel::bindings
