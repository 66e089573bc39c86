#include "sim/row_stationary.hpp"

#include <pybind11/functional.h>
#include <pybind11/numpy.h>
#include <pybind11/stl.h>

#include <stdexcept>
#include <string>

#include "bindings/bindings.hpp"
#include "bindings/sim_activity.hpp"
#include "sim/drive.hpp"

namespace py = pybind11;

namespace dnnaccel::bindings {

namespace {

template <typename T>
using Dense = py::array_t<T, py::array::c_style>;

std::vector<py::ssize_t> shape_of(const problem::Problem& problem, problem::Role role) {
  std::vector<py::ssize_t> shape;
  for (const problem::Axis& axis : problem.tensor(role).axes) shape.push_back(axis.size);
  return shape;
}

template <typename T>
const T* words_of(const problem::Problem& problem, problem::Role role, const Dense<T>& array) {
  const std::vector<py::ssize_t> wanted = shape_of(problem, role);
  if (!std::equal(wanted.begin(), wanted.end(), array.shape(), array.shape() + array.ndim())) {
    throw std::invalid_argument(std::string("the ") + problem::name(role) +
                                " have a shape that is not the sizes of their axes");
  }
  return array.data();
}

template <typename T>
py::object run(const problem::Problem& problem, const arch::Architecture& architecture,
               const mapping::Mapping& mapping, const sim::Tensors<T>& tensors,
               const sim::RowOptions& options, const RunProgress& progress) {
  sim::RowStationaryArray<T> array(problem, architecture, mapping, tensors, options);
  bool whole = false;
  {
    const py::gil_scoped_release release;
    whole = sim::drive(problem, array.nest(), array,
                       {.poll = make_poll(progress), .trace = options.trace});
  }
  if (!whole) return py::none();
  py::dict out = to_python(array.run(), architecture.size());
  out["folds"] = array.folds();
  out["input_tags"] = py::make_tuple(array.input_tags().rows, array.input_tags().columns);
  out["filter_tags"] = py::make_tuple(array.filter_tags().rows, array.filter_tags().columns);
  return out;
}

template <typename T>
py::object run_values(const problem::Problem& problem, const arch::Architecture& architecture,
                      const mapping::Mapping& mapping, const Dense<T>& inputs,
                      const Dense<T>& weights, const sim::RowOptions& options,
                      const RunProgress& progress) {
  Dense<T> outputs(shape_of(problem, problem::Role::outputs));
  const sim::Tensors<T> tensors{.inputs = words_of(problem, problem::Role::inputs, inputs),
                                .weights = words_of(problem, problem::Role::weights, weights),
                                .outputs = outputs.mutable_data()};
  py::object out = run(problem, architecture, mapping, tensors, options, progress);
  if (!out.is_none()) out["outputs"] = outputs;
  return out;
}

py::object simulate_row_stationary(const problem::Problem& problem,
                                   const arch::Architecture& architecture,
                                   const mapping::Mapping& mapping, const py::object& inputs,
                                   const py::object& weights, std::uint64_t input_fifo,
                                   std::uint64_t sum_fifo, std::uint64_t pipeline, bool shift,
                                   bool shared_adder, const RunProgress& progress,
                                   sim::TraceWriter* trace, std::uint64_t trace_window) {
  const sim::RowOptions options{.timing = {.input_fifo = input_fifo,
                                           .sum_fifo = sum_fifo,
                                           .pipeline = pipeline,
                                           .shift = shift,
                                           .shared_adder = shared_adder},
                                .trace = trace,
                                .trace_window = trace_window};
  if (inputs.is_none() && weights.is_none()) {
    return run<std::int32_t>(problem, architecture, mapping, {}, options, progress);
  }
  using Integers = Dense<std::int32_t>;
  using Floats = Dense<float>;
  if (py::isinstance<Integers>(inputs) && py::isinstance<Integers>(weights)) {
    return run_values(problem, architecture, mapping, inputs.cast<Integers>(),
                      weights.cast<Integers>(), options, progress);
  }
  if (py::isinstance<Floats>(inputs) && py::isinstance<Floats>(weights)) {
    return run_values(problem, architecture, mapping, inputs.cast<Floats>(), weights.cast<Floats>(),
                      options, progress);
  }
  throw std::invalid_argument(
      "inputs and weights must both be int32 or both float32 arrays in C order, or both None");
}

}  // namespace

void register_row_stationary(py::module_& module) {
  constexpr sim::rows::Timing kUsual;
  module.def("simulate_row_stationary", &simulate_row_stationary, py::arg("problem"),
             py::arg("architecture"), py::arg("mapping"), py::arg("inputs") = py::none(),
             py::arg("weights") = py::none(), py::kw_only(),
             py::arg("input_fifo") = kUsual.input_fifo, py::arg("sum_fifo") = kUsual.sum_fifo,
             py::arg("pipeline") = kUsual.pipeline, py::arg("shift") = kUsual.shift,
             py::arg("shared_adder") = kUsual.shared_adder, py::arg("progress") = py::none(),
             py::arg("trace") = py::none(), py::arg("trace_window") = 1,
             "Simulate a row-stationary array cycle by cycle: what it did as a dict, or None if "
             "progress(MACs done, MACs in all) returned False. Ctrl-C ends it. ValueError if this "
             "array cannot hold the mapping.");
}

}  // namespace dnnaccel::bindings
