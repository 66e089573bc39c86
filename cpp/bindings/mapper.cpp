#include "mapper/rate.hpp"
#include "mapper/search.hpp"

#include <pybind11/functional.h>
#include <pybind11/stl.h>

#include "bindings/bindings.hpp"

namespace py = pybind11;

namespace dnnaccel::bindings {

namespace {

using RuleTuple = std::tuple<std::array<std::uint32_t, 2>, std::array<std::vector<std::int64_t>, 2>,
                             std::vector<std::uint32_t>, std::uint32_t, std::uint32_t>;

mapping::Mapspace make_mapspace(const std::vector<RuleTuple>& rules) {
  mapping::Mapspace space;
  for (const auto& [dims, fixed, order, keep, optional] : rules) {
    mapping::LevelRule rule{.dims = dims, .order = order, .keep = keep, .optional = optional};
    for (std::size_t axis = 0; axis < 2; ++axis) {
      if (fixed[axis].size() > problem::kMaxDims)
        throw std::invalid_argument("mapspace: too many dims");
      std::copy(fixed[axis].begin(), fixed[axis].end(), rule.fixed_tile[axis].begin());
    }
    space.levels.push_back(rule);
  }
  return space;
}

using Progress = std::optional<std::function<py::object(std::size_t, std::size_t)>>;

std::vector<mapper::Outcome> search(const arch::Architecture& architecture,
                                    const std::vector<const problem::Problem*>& problems,
                                    const std::vector<const mapping::Mapspace*>& spaces,
                                    const mapper::Goal& goal, const mapper::Effort& effort,
                                    unsigned threads, const Progress& progress,
                                    const std::optional<std::vector<cost::Sparsity>>& sparsities) {
  if (problems.size() != spaces.size() || (sparsities && problems.size() != sparsities->size()))
    throw std::invalid_argument("one mapspace and one sparsity for each problem");
  std::vector<mapper::Job> jobs;
  for (std::size_t i = 0; i < problems.size(); ++i) {
    jobs.push_back({problems[i], spaces[i], sparsities ? (*sparsities)[i] : cost::Sparsity{}});
  }
  const py::gil_scoped_release release;
  return mapper::search(architecture, jobs, goal, effort, threads,
                        [&](std::size_t done, std::size_t total) {
                          const py::gil_scoped_acquire acquire;
                          if (PyErr_CheckSignals() != 0) throw py::error_already_set();
                          return !progress || !(*progress)(done, total).is(py::bool_(false));
                        });
}

mapper::Rate cost_rate(const problem::Problem& problem, const arch::Architecture& architecture,
                       const mapping::Mapspace& space, std::size_t mappings, int rounds,
                       std::uint64_t seed, bool cold) {
  return mapper::cost_rate(problem, architecture, space, {},
                           {.mappings = mappings, .rounds = rounds, .seed = seed, .cold = cold});
}

mapper::SearchRates search_rate(const problem::Problem& problem,
                                const arch::Architecture& architecture,
                                const mapping::Mapspace& space, int proposals, int rounds,
                                std::uint64_t seed) {
  return mapper::search_rate(problem, architecture, space, {}, proposals, rounds, seed);
}

mapper::Outcome sample(const problem::Problem& problem, const arch::Architecture& architecture,
                       const mapping::Mapspace& space, std::size_t mappings, std::uint64_t seed) {
  return mapper::sample(problem, architecture, space, {}, mappings, seed);
}

/// The stopwatch of bench/cost.py, and random mappings for tests: no part of the package's face.
void register_rates(py::module_& module) {
  py::class_<mapper::Rate>(module, "Rate", "How fast random mappings were costed.")
      .def_readonly("mappings", &mapper::Rate::mappings)
      .def_readonly("drawn", &mapper::Rate::drawn)
      .def_readonly("tables", &mapper::Rate::tables)
      .def_readonly("costed", &mapper::Rate::costed)
      .def_readonly("seconds", &mapper::Rate::seconds)
      .def_readonly("energy", &mapper::Rate::energy)
      .def_readonly("cycles", &mapper::Rate::cycles)
      .def_readonly("counted_energy", &mapper::Rate::counted_energy)
      .def_readonly("counted_cycles", &mapper::Rate::counted_cycles);
  py::class_<mapper::SearchRate>(module, "SearchRate", "How fast a search went.")
      .def_readonly("evaluated", &mapper::SearchRate::evaluated)
      .def_readonly("pruned", &mapper::SearchRate::pruned)
      .def_readonly("seconds", &mapper::SearchRate::seconds);
  py::class_<mapper::SearchRates>(module, "SearchRates", "Without tables, and with them.")
      .def_readonly("cold", &mapper::SearchRates::cold)
      .def_readonly("warm", &mapper::SearchRates::warm);
  module.def("cost_rate", &cost_rate, py::arg("problem"), py::arg("architecture"), py::arg("space"),
             py::kw_only(), py::arg("mappings"), py::arg("rounds"), py::arg("seed"),
             py::arg("cold"), py::call_guard<py::gil_scoped_release>(),
             "Cost distinct random mappings that fit, `rounds` times, and take the CPU time.");
  module.def("lookup_seconds", &mapper::lookup_seconds, py::call_guard<py::gil_scoped_release>(),
             "Seconds of one table look-up and one multiplication on this core.");
  module.def("search_rate", &search_rate, py::arg("problem"), py::arg("architecture"),
             py::arg("space"), py::kw_only(), py::arg("proposals"), py::arg("rounds"),
             py::arg("seed"), py::call_guard<py::gil_scoped_release>(),
             "Anneal from one start without tables, then `rounds` times with them.");
  module.def("sample", &sample, py::arg("problem"), py::arg("architecture"), py::arg("space"),
             py::kw_only(), py::arg("mappings"), py::arg("seed"),
             py::call_guard<py::gil_scoped_release>(),
             "Cost random points of a mapspace until so many fit; `pareto` has the best.");
}

}  // namespace

void register_mapper(py::module_& module) {
  py::enum_<mapper::Objective>(module, "Objective")
      .value("energy", mapper::Objective::energy)
      .value("latency", mapper::Objective::latency)
      .value("edp", mapper::Objective::edp);
  py::class_<mapper::Goal>(module, "Goal", "What a search minimises, and within which limits.")
      .def(py::init([](mapper::Objective objective, double max_energy, double max_cycles,
                       std::uint64_t min_units) {
             return mapper::Goal{objective, max_energy, max_cycles, min_units};
           }),
           py::arg("objective"), py::kw_only(),
           py::arg("max_energy") = std::numeric_limits<double>::infinity(),
           py::arg("max_cycles") = std::numeric_limits<double>::infinity(),
           py::arg("min_units") = 0);
  py::implicitly_convertible<mapper::Objective, mapper::Goal>();
  py::class_<mapping::Mapspace>(module, "Mapspace", "What mappings may do at each level, lowered.")
      .def(py::init(&make_mapspace), py::arg("rules"),
           "rules: for each level (dims by axis, fixed tiles by axis, order groups, keep, "
           "optional).");
  py::class_<mapper::Effort>(module, "Effort", "How hard a search tries.")
      .def(py::init(
               [](std::uint64_t exhaustive_limit, int starts, int proposals, std::uint64_t proof) {
                 return mapper::Effort{exhaustive_limit, starts, proposals, proof};
               }),
           py::kw_only(), py::arg("exhaustive_limit"), py::arg("starts"), py::arg("proposals"),
           py::arg("proof") = 0);
  py::class_<mapper::Point>(module, "Point", "A point of a Pareto front.")
      .def_readonly("energy", &mapper::Point::energy)
      .def_readonly("cycles", &mapper::Point::cycles)
      .def_readonly("mapping", &mapper::Point::mapping);
  py::class_<mapper::Outcome>(module, "Outcome", "What a search found.")
      .def_readonly("best", &mapper::Outcome::best)
      .def_readonly("optimal", &mapper::Outcome::optimal)
      .def_readonly("evaluated", &mapper::Outcome::evaluated)
      .def_readonly("pruned", &mapper::Outcome::pruned)
      .def_readonly("mapspace", &mapper::Outcome::mapspace)
      .def_readonly("bound", &mapper::Outcome::bound)
      .def_readonly("over_limits", &mapper::Outcome::over_limits)
      .def_readonly("pareto", &mapper::Outcome::pareto)
      .def_readonly("misfit", &mapper::Outcome::misfit)
      .def_readonly("refused", &mapper::Outcome::refused);
  module.def(
      "search", &search, py::arg("architecture"), py::arg("problems"), py::arg("spaces"),
      py::arg("goal"), py::arg("effort"), py::arg("threads") = 0, py::arg("progress") = py::none(),
      py::arg("sparsities") = py::none(),
      "Find a good mapping for each problem. Ctrl-C ends it; progress(done, total) is called "
      "meanwhile, and if it returns False, what was found until then is returned.");
  register_rates(module);
}

}  // namespace dnnaccel::bindings
