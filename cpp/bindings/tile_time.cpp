#include "sim/tile_time.hpp"

#include <pybind11/functional.h>
#include <pybind11/stl.h>

#include "bindings/bindings.hpp"
#include "bindings/dram.hpp"
#include "bindings/sim_activity.hpp"
#include "sim/dram_port.hpp"
#include "sim/make_array.hpp"
#include "sim/tile_trace.hpp"

namespace py = pybind11;

namespace dnnaccel::bindings {

namespace {

struct Tiled {
  sim::TileRun run;
  cost::Cost cost;  ///< of the counts; its cycles are those of the closed form
  std::optional<DramRun> dram;
  std::optional<sim::ArrayRun> array;
  int levels = 0;
};

/// A DRAM behind the chip, and how many of its cycles go into one of the chip's.
using Dram = std::pair<sim::dram::Spec, double>;

/// Asks Python for signals, and tells it how far the run is.
std::function<bool(std::uint64_t, std::uint64_t)> poll_of(const py::object& progress) {
  return [&progress](std::uint64_t done, std::uint64_t all) {
    const py::gil_scoped_acquire gil;
    if (PyErr_CheckSignals() != 0) throw py::error_already_set();
    if (!progress.is_none()) progress(done, all);
    return true;
  };
}

Tiled simulate_tiles(const problem::Problem& problem, const arch::Architecture& architecture,
                     const mapping::Mapping& mapping, const std::optional<cost::Sparsity>& sparsity,
                     const std::vector<double>& latency, const py::object& progress,
                     const std::optional<Dram>& dram, sim::TraceWriter* trace,
                     const std::optional<sim::ArrayChoice>& choice) {
  sim::TileOptions options;
  options.sparsity = sparsity.value_or(cost::Sparsity{});
  if (latency.size() > options.latency.size()) throw std::invalid_argument("too many levels");
  std::copy(latency.begin(), latency.end(), options.latency.begin());
  options.poll = poll_of(progress);
  const py::gil_scoped_release unlocked;
  std::optional<sim::TileTrace> drawing;
  if (trace != nullptr) options.observer = &drawing.emplace(architecture, *trace);
  std::optional<sim::DramPort> port;
  if (dram) {
    std::array<double, problem::kRoles> bits{};
    const arch::Memory& top = *architecture.memory(0);
    for (std::size_t role = 0; role < bits.size(); ++role) {
      bits[role] = top.word_bits * options.sparsity.stored[0][role];
    }
    port.emplace(problem, dram->first, bits, dram->second);
    options.timing = &*port;
  }
  std::unique_ptr<sim::CycleArray> array;
  if (choice) {
    array = sim::make_array(problem, architecture, mapping, *choice);
    options.array = array.get();
    options.array_level = choice->level;
  }
  Tiled out;
  out.levels = architecture.size();
  out.run = sim::simulate_tiles(problem, architecture, mapping, options).value();
  out.cost = cost::Pricer(problem, architecture, options.sparsity).price(out.run.counts);
  if (array) out.array = array->run();
  if (port) out.dram = DramRun{.stats = port->finish(), .log = {}, .finish = {}};
  return out;
}

}  // namespace

void register_tile_time(py::module_& module) {
  py::enum_<sim::ArrayKind>(module, "ArrayKind")
      .value("systolic", sim::ArrayKind::systolic)
      .value("row_stationary", sim::ArrayKind::row_stationary)
      .value("adder_tree", sim::ArrayKind::adder_tree);
  py::class_<sim::ArrayChoice>(module, "ArrayChoice", "An array to simulate cycle by cycle.")
      .def(py::init([](sim::ArrayKind kind, int level, std::uint32_t gates, std::uint32_t waiting) {
             return sim::ArrayChoice{
                 .kind = kind, .level = level, .gates = gates, .waiting = waiting};
           }),
           py::kw_only(), py::arg("kind"), py::arg("level"), py::arg("gates"), py::arg("waiting"));
  py::enum_<sim::Wait>(module, "Wait")
      .value("fill", sim::Wait::fill)
      .value("refill", sim::Wait::refill)
      .value("bandwidth", sim::Wait::bandwidth)
      .value("port", sim::Wait::port)
      .value("drain", sim::Wait::drain)
      .value("array", sim::Wait::array);
  py::class_<sim::Lost>(module, "Lost", "Cycles that the MACs stood still, for one cause.")
      .def_readonly("wait", &sim::Lost::wait)
      .def_readonly("waiting", &sim::Lost::waiting)
      .def_readonly("level", &sim::Lost::level)
      .def_readonly("port", &sim::Lost::port)
      .def_readonly("cycles", &sim::Lost::cycles);
  py::class_<Tiled>(module, "Tiled", "A mapping simulated tile by tile.")
      .def_property_readonly("counts", [](const Tiled& tiled) { return tiled.run.counts; })
      .def_readonly("cost", &Tiled::cost)
      .def_readonly("dram", &Tiled::dram)
      .def_property_readonly("array",
                             [](const Tiled& tiled) -> py::object {
                               if (!tiled.array) return py::none();
                               return to_python(*tiled.array, tiled.levels);
                             })
      .def_property_readonly("cycles", [](const Tiled& tiled) { return tiled.run.cycles; })
      .def_property_readonly("compute_cycles",
                             [](const Tiled& tiled) { return tiled.run.compute_cycles; })
      .def_property_readonly("lost", [](const Tiled& tiled) { return tiled.run.lost; })
      .def_property_readonly("transfers", [](const Tiled& tiled) { return tiled.run.transfers; })
      .def_property_readonly("positions", [](const Tiled& tiled) { return tiled.run.positions; });
  module.def("simulate_tiles", &simulate_tiles, py::arg("problem"), py::arg("architecture"),
             py::arg("mapping"), py::arg("sparsity") = py::none(),
             py::arg("latency") = std::vector<double>{}, py::arg("progress") = py::none(),
             py::arg("dram") = py::none(), py::arg("trace") = py::none(),
             py::arg("array") = py::none(),
             "Simulate one mapping tile by tile. Ctrl-C ends it; progress(done, total) is called "
             "meanwhile. ValueError if it does not belong to the problem and the architecture.");
}

}  // namespace dnnaccel::bindings
