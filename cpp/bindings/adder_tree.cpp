#include "sim/adder_tree.hpp"

#include <pybind11/functional.h>
#include <pybind11/numpy.h>
#include <pybind11/stl.h>

#include <stdexcept>

#include "bindings/bindings.hpp"
#include "bindings/sim_activity.hpp"
#include "sim/drive.hpp"

namespace py = pybind11;

namespace dnnaccel::bindings {

namespace {

template <typename T>
using Dense = py::array_t<T, py::array::c_style>;

template <typename T>
const T* words_of(const problem::Problem& problem, problem::Role role, const Dense<T>& array) {
  const std::uint64_t wanted = problem.tensor(role).words();
  if (static_cast<std::uint64_t>(array.size()) != wanted) {
    throw std::invalid_argument(std::string("the ") + problem::name(role) + " have " +
                                std::to_string(wanted) + " words, given " +
                                std::to_string(array.size()));
  }
  return array.data();
}

py::object finished(sim::AdderTreeArray& array, const problem::Problem& problem, int levels,
                    const RunProgress& progress, sim::TraceWriter* trace) {
  bool whole = false;
  {
    const py::gil_scoped_release release;
    whole = sim::drive(problem, array.nest(), array, {.poll = make_poll(progress), .trace = trace});
  }
  if (!whole) return py::none();
  const sim::TreeTime& time = array.time();
  py::dict out = to_python(array.run(), levels);
  out["folds"] = time.folds;
  out["steps"] = time.steps;
  out["depth"] = time.depth;
  out["waits"] = time.waits;
  return out;
}

/// With numbers: `out` takes the sums.
template <typename T>
py::object simulate(const problem::Problem& problem, const arch::Architecture& architecture,
                    const mapping::Mapping& mapping, const Dense<T>& inputs,
                    const Dense<T>& weights, const sim::TreeOptions& options,
                    const RunProgress& progress) {
  std::vector<std::int64_t> shape;
  for (const problem::Axis& axis : problem.tensor(problem::Role::outputs).axes) {
    shape.push_back(axis.size);
  }
  Dense<T> outputs(shape);
  std::fill_n(outputs.mutable_data(), outputs.size(), T{0});
  const sim::Tensors<T> tensors{.inputs = words_of(problem, problem::Role::inputs, inputs),
                                .weights = words_of(problem, problem::Role::weights, weights),
                                .outputs = outputs.mutable_data()};
  sim::AdderTreeArray array(problem, architecture, mapping, tensors, options);
  py::object out = finished(array, problem, architecture.size(), progress, options.trace);
  if (!out.is_none()) out["outputs"] = outputs;
  return out;
}

py::object simulate_adder_tree(const problem::Problem& problem,
                               const arch::Architecture& architecture,
                               const mapping::Mapping& mapping, const py::object& inputs,
                               const py::object& weights, int array, std::uint32_t gates,
                               const RunProgress& progress, sim::TraceWriter* trace,
                               std::uint64_t trace_window) {
  const sim::TreeOptions options{
      .array = array, .gates = gates, .trace = trace, .trace_window = trace_window};
  if (inputs.is_none() && weights.is_none()) {
    sim::AdderTreeArray counting(problem, architecture, mapping, sim::Tensors<std::int32_t>{},
                                 options);
    return finished(counting, problem, architecture.size(), progress, trace);
  }
  using Integers = Dense<std::int32_t>;
  using Floats = Dense<float>;
  if (py::isinstance<Integers>(inputs) && py::isinstance<Integers>(weights)) {
    return simulate(problem, architecture, mapping, inputs.cast<Integers>(),
                    weights.cast<Integers>(), options, progress);
  }
  if (py::isinstance<Floats>(inputs) && py::isinstance<Floats>(weights)) {
    return simulate(problem, architecture, mapping, inputs.cast<Floats>(), weights.cast<Floats>(),
                    options, progress);
  }
  throw std::invalid_argument(
      "inputs and weights must both be int32 or both float32 arrays in C order, or both None");
}

}  // namespace

void register_adder_tree(py::module_& module) {
  module.def("simulate_adder_tree", &simulate_adder_tree, py::arg("problem"),
             py::arg("architecture"), py::arg("mapping"), py::arg("inputs") = py::none(),
             py::arg("weights") = py::none(), py::kw_only(), py::arg("array") = -1,
             py::arg("gates") = 0, py::arg("progress") = py::none(), py::arg("trace") = py::none(),
             py::arg("trace_window") = 1,
             "Simulate an adder-tree array cycle by cycle: what it did as a dict, or None if "
             "progress(MACs done, MACs in all) returned False. Ctrl-C ends it. ValueError if this "
             "array cannot hold the mapping.");
}

}  // namespace dnnaccel::bindings
