#include "cost/cost.hpp"
#include "cost/counter.hpp"
#include "cost/walker.hpp"

#include <pybind11/stl.h>

#include <stdexcept>

#include "bindings/bindings.hpp"

namespace py = pybind11;

namespace dnnaccel::bindings {

namespace {

struct Evaluation {
  cost::Counts counts;
  cost::Cost cost;
  std::optional<cost::Misfit> misfit;
};

Evaluation evaluate(const problem::Problem& problem, const arch::Architecture& architecture,
                    const mapping::Mapping& mapping, const std::optional<cost::Sparsity>& zeros) {
  const cost::Sparsity sparsity = zeros.value_or(cost::Sparsity{});
  const mapping::Nest nest = mapping::flatten(problem, architecture, mapping);
  const cost::Counter counter(problem, architecture, mapping, nest);
  Evaluation out;
  out.misfit = counter.misfit(sparsity);
  out.counts = counter.count();
  out.cost = cost::Pricer(problem, architecture, sparsity).price(out.counts);
  return out;
}

template <typename T>
py::list leading(const T& per_level, int levels) {
  py::list out;
  for (int level = 0; level < levels; ++level)
    out.append(per_level[static_cast<std::size_t>(level)]);
  return out;
}

}  // namespace

void register_cost(py::module_& module) {
  py::enum_<cost::Port>(module, "Port")
      .value("none", cost::Port::none)
      .value("read", cost::Port::read)
      .value("write", cost::Port::write)
      .value("shared", cost::Port::shared)
      .value("inputs", cost::Port::inputs)
      .value("weights", cost::Port::weights)
      .value("outputs", cost::Port::outputs);
  using Factors = std::vector<cost::PerRole<double>>;
  py::class_<cost::Sparsity>(module, "Sparsity", "What zeros do to counts, as factors, lowered.")
      .def(
          py::init([](double work, double steps, const Factors& stored, double finished,
                      const Factors& asked, const cost::PerRole<double>& crossing) {
            cost::Sparsity out{
                .work = work, .steps = steps, .finished = finished, .crossing = crossing};
            for (const auto& [from, to] : {std::pair(&stored, &out.stored), {&asked, &out.asked}}) {
              if (from->size() > to->size())
                throw std::invalid_argument("sparsity: too many levels");
              std::copy(from->begin(), from->end(), to->begin());
            }
            out.validate();
            return out;
          }),
          py::kw_only(), py::arg("work"), py::arg("steps"), py::arg("stored"), py::arg("finished"),
          py::arg("asked"), py::arg("crossing"));
  py::class_<cost::MemoryCount>(module, "MemoryCount", "Words one memory moved for one tensor.")
      .def_readonly("reads", &cost::MemoryCount::reads)
      .def_readonly("writes", &cost::MemoryCount::writes)
      .def_readonly("tile", &cost::MemoryCount::tile)
      .def_readonly("computed_reads", &cost::MemoryCount::computed_reads)
      .def_readonly("computed_writes", &cost::MemoryCount::computed_writes)
      .def_readonly("filled", &cost::MemoryCount::filled)
      .def_readonly("drained", &cost::MemoryCount::drained)
      .def_readonly("sent", &cost::MemoryCount::sent);
  py::class_<cost::NetworkCount>(module, "NetworkCount", "Words one array moved for one tensor.")
      .def_readonly("sent", &cost::NetworkCount::sent)
      .def_readonly("delivered", &cost::NetworkCount::delivered)
      .def_readonly("hops", &cost::NetworkCount::hops)
      .def_readonly("returned", &cost::NetworkCount::returned);
  py::class_<cost::RampCount>(module, "RampCount", "First tile in and last tile out of a memory.")
      .def_readonly("sent", &cost::RampCount::sent)
      .def_readonly("received", &cost::RampCount::received)
      .def_readonly("parent", &cost::RampCount::parent);
  py::class_<cost::Misfit>(module, "Misfit", "A tile that does not fit its memory.")
      .def_readonly("level", &cost::Misfit::level)
      .def_readonly("words_needed", &cost::Misfit::words_needed)
      .def_readonly("words_there", &cost::Misfit::words_there)
      .def_readonly("tiles", &cost::Misfit::tiles);
  py::class_<cost::Counts>(module, "Counts", "What one mapping moves.")
      .def("memories",
           [](const cost::Counts& c, int levels) { return leading(c.memories, levels); })
      .def("networks",
           [](const cost::Counts& c, int levels) { return leading(c.networks, levels); })
      .def("ramps", [](const cost::Counts& c, int levels) { return leading(c.ramps, levels); })
      .def("instances",
           [](const cost::Counts& c, int levels) { return leading(c.instances, levels); })
      .def_readonly("macs", &cost::Counts::macs)
      .def_readonly("steps", &cost::Counts::steps)
      .def_readonly("active_macs", &cost::Counts::active_macs);
  py::class_<cost::Cost>(module, "Cost", "What one mapping costs.")
      .def_readonly("cycles", &cost::Cost::cycles)
      .def_readonly("compute_cycles", &cost::Cost::compute_cycles)
      .def_readonly("exposed_cycles", &cost::Cost::exposed_cycles)
      .def_readonly("ramp_cycles", &cost::Cost::ramp_cycles)
      .def_readonly("bound_by", &cost::Cost::bound_by)
      .def_readonly("mac_energy", &cost::Cost::mac_energy)
      .def_readonly("leakage_energy", &cost::Cost::leakage_energy)
      .def_readonly("energy", &cost::Cost::energy)
      .def("level_ports",
           [](const cost::Cost& c, int levels) { return leading(c.level_ports, levels); })
      .def("reads", [](const cost::Cost& c, int levels) { return leading(c.reads, levels); })
      .def("writes", [](const cost::Cost& c, int levels) { return leading(c.writes, levels); })
      .def("level_cycles",
           [](const cost::Cost& c, int levels) { return leading(c.level_cycles, levels); })
      .def("memory_energy",
           [](const cost::Cost& c, int levels) { return leading(c.memory_energy, levels); })
      .def("network_energy",
           [](const cost::Cost& c, int levels) { return leading(c.network_energy, levels); });
  py::class_<Evaluation>(module, "Evaluation", "Counts, cost and fit of one mapping.")
      .def_readonly("counts", &Evaluation::counts)
      .def_readonly("cost", &Evaluation::cost)
      .def_readonly("misfit", &Evaluation::misfit);
  module.def(
      "evaluate", &evaluate, py::arg("problem"), py::arg("architecture"), py::arg("mapping"),
      py::arg("sparsity") = py::none(), py::call_guard<py::gil_scoped_release>(),
      "Cost one mapping. ValueError if it does not belong to the problem and the architecture.");
  module.def(
      "walk", &cost::walk, py::arg("problem"), py::arg("architecture"), py::arg("mapping"),
      py::call_guard<py::gil_scoped_release>(),
      "Count one mapping by walking its nest: slow, and the reference of evaluate. ValueError "
      "if the mapping does not belong to the problem and the architecture, or the walk is too "
      "long.");
}

}  // namespace dnnaccel::bindings
