#include "sim/trace.hpp"

#include <pybind11/stl.h>

#include "bindings/bindings.hpp"

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
}

}  // namespace dnnaccel::bindings
