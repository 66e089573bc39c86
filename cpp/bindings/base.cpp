#include <pybind11/stl.h>

#include <utility>

#include "base/host_probe.hpp"
#include "bindings/bindings.hpp"

namespace py = pybind11;

namespace dnnaccel::bindings {

namespace {

base::HostFigures measure_host(const std::vector<std::pair<std::uint64_t, unsigned>>& working_sets,
                               double seconds, const std::string& variant) {
  std::vector<base::WorkingSet> sets;
  for (const auto& [bytes, threads] : working_sets)
    sets.push_back({.bytes = bytes, .threads = threads});
  const py::gil_scoped_release release;
  auto figures = base::measure_host(variant, sets, seconds, [] {
    const py::gil_scoped_acquire acquire;
    if (PyErr_CheckSignals() != 0) throw py::error_already_set();
    return true;
  });
  return std::move(figures).value();  // there is one: the poll above ends only by throwing
}

}  // namespace

void register_base(py::module_& module) {
  using base::HostFigures;
  py::class_<HostFigures>(module, "HostFigures", "How fast this machine's processor is.")
      .def_readonly("variant", &HostFigures::variant)
      .def_readonly("lanes", &HostFigures::lanes)
      .def_readonly("clock_hz", &HostFigures::clock_hz)
      .def_readonly("macs_per_second", &HostFigures::macs_per_second)
      .def_property_readonly("bandwidths", [](const HostFigures& figures) {
        std::vector<std::pair<double, double>> pairs;
        for (const base::Bandwidth& at : figures.bandwidths) pairs.emplace_back(at.read, at.write);
        return pairs;
      });
  module.def("host_variants", &base::host_variants,
             "Names of the probe's kernels that this processor can run, the fastest first.");
  module.def("measure_host", &measure_host, py::arg("working_sets"), py::arg("seconds"),
             py::arg("variant") = "",
             "Measure clock, fp32 MACs per second of one thread, and for each working set (bytes, "
             "threads) the bytes read and written per second. Ctrl-C stops it. ValueError for a "
             "request that makes no sense.");
}

}  // namespace dnnaccel::bindings
