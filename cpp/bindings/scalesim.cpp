#include "sim/scalesim.hpp"

#include <chrono>
#include <string>
#include <tuple>

#include "bindings/bindings.hpp"

namespace py = pybind11;

namespace dnnaccel::bindings {

namespace {

namespace scalesim = sim::scalesim;

scalesim::Dataflow dataflow_of(const std::string& name) {
  if (name == "os") return scalesim::Dataflow::os;
  if (name == "ws") return scalesim::Dataflow::ws;
  if (name == "is") return scalesim::Dataflow::is;
  throw std::invalid_argument("SCALE-Sim: no dataflow " + name);
}

/// Looks for Ctrl-C ten times a second, however often it is asked.
scalesim::KeepGoing watch_signals() {
  using Clock = std::chrono::steady_clock;
  return [next = Clock::now() + std::chrono::milliseconds(100)]() mutable {
    if (Clock::now() < next) return true;
    next = Clock::now() + std::chrono::milliseconds(100);
    const py::gil_scoped_acquire acquire;
    if (PyErr_CheckSignals() != 0) throw py::error_already_set();
    return true;
  };
}

py::tuple as_tuple(const scalesim::Traffic& traffic) {
  return py::make_tuple(traffic.start, traffic.stop, traffic.words);
}

}  // namespace

void register_scalesim(py::module_& module) {
  using scalesim::Config;
  using scalesim::Count;
  using scalesim::Layer;
  py::class_<Layer>(module, "ScaleSimLayer", "One layer of a SCALE-Sim topology.")
      .def(py::init([](std::pair<std::int64_t, std::int64_t> ifmap,
                       std::pair<std::int64_t, std::int64_t> filter, std::int64_t channels,
                       std::int64_t filters, std::pair<std::int64_t, std::int64_t> stride,
                       std::pair<std::int64_t, std::int64_t> sparsity) {
             return Layer{.ifmap_rows = ifmap.first,
                          .ifmap_columns = ifmap.second,
                          .filter_rows = filter.first,
                          .filter_columns = filter.second,
                          .channels = channels,
                          .filters = filters,
                          .row_stride = stride.first,
                          .column_stride = stride.second,
                          .kept = sparsity.first,
                          .block = sparsity.second};
           }),
           py::kw_only(), py::arg("ifmap"), py::arg("filter"), py::arg("channels"),
           py::arg("filters"), py::arg("stride"), py::arg("sparsity") = std::pair{1, 1});
  py::class_<Config>(module, "ScaleSimArray", "SCALE-Sim's array and memories.")
      .def(py::init([](std::pair<std::int64_t, std::int64_t> array, const std::string& dataflow,
                       const std::tuple<std::int64_t, std::int64_t, std::int64_t>& kb, bool user,
                       const std::tuple<std::int64_t, std::int64_t, std::int64_t>& bandwidth) {
             return Config{.rows = array.first,
                           .columns = array.second,
                           .ifmap_kb = std::get<0>(kb),
                           .filter_kb = std::get<1>(kb),
                           .ofmap_kb = std::get<2>(kb),
                           .dataflow = dataflow_of(dataflow),
                           .mode = user ? scalesim::Mode::user : scalesim::Mode::calc,
                           .ifmap_bandwidth = std::get<0>(bandwidth),
                           .filter_bandwidth = std::get<1>(bandwidth),
                           .ofmap_bandwidth = std::get<2>(bandwidth)};
           }),
           py::kw_only(), py::arg("array"), py::arg("dataflow"), py::arg("kb"),
           py::arg("user") = false, py::arg("bandwidth") = std::tuple{10, 10, 10},
           "kb and bandwidth (in user mode): of ifmap, filter and ofmap.");
  py::class_<Count>(module, "ScaleSimCount", "What SCALE-Sim counts of one layer.")
      .def_readonly("cycles", &Count::cycles)
      .def_readonly("stalls", &Count::stalls)
      .def_readonly("folds", &Count::folds)
      .def_readonly("mapping_efficiency", &Count::mapping_efficiency)
      .def_readonly("compute_utilization", &Count::compute_utilization)
      .def_readonly("sparse_ifmap_reads", &Count::sparse_ifmap_reads)
      .def_property_readonly(
          "sram",
          [](const Count& c) {
            return py::make_tuple(as_tuple(c.ifmap.sram), as_tuple(c.filter.sram),
                                  as_tuple(c.ofmap.sram));
          },
          "First cycle, last cycle and words, of ifmap, filter and ofmap.")
      .def_property_readonly(
          "dram",
          [](const Count& c) {
            return py::make_tuple(as_tuple(c.ifmap.dram), as_tuple(c.filter.dram),
                                  as_tuple(c.ofmap.dram));
          },
          "As sram.");
  module.def(
      "scalesim_count",
      [](const Layer& layer, const Config& array) {
        const py::gil_scoped_release release;
        return scalesim::count(layer, array, watch_signals());
      },
      py::arg("layer"), py::arg("array"), "Count one layer. Ctrl-C stops it.");
}

}  // namespace dnnaccel::bindings
