#include "sim/row_stationary.hpp"

#include <pybind11/functional.h>
#include <pybind11/numpy.h>
#include <pybind11/stl.h>

#include <functional>
#include <optional>
#include <stdexcept>
#include <string>

#include "bindings/bindings.hpp"

namespace py = pybind11;

namespace dnnaccel::bindings {

namespace {

struct RowRun {
  sim::ArrayRun run;
  std::uint64_t active_elements = 0;
  py::object outputs = py::none();
};

using Progress = std::optional<std::function<py::object(std::uint64_t, std::uint64_t)>>;

std::vector<py::ssize_t> shape_of(const problem::Tensor& tensor) {
  std::vector<py::ssize_t> shape;
  for (const problem::Axis& axis : tensor.axes) shape.push_back(axis.size);
  return shape;
}

template <typename T>
using Values = py::array_t<T, py::array::c_style>;

template <typename T>
Values<T> values_of(const py::object& given, const problem::Tensor& tensor) {
  const std::vector<py::ssize_t> wanted = shape_of(tensor);
  const std::string what = std::string("simulate_row_stationary: ") + problem::name(tensor.role);
  if (!Values<T>::check_(given)) {
    throw std::invalid_argument(what + " must be a C-contiguous array of " +
                                (std::is_same_v<T, float> ? "float32" : "int32") +
                                ", like the inputs");
  }
  auto array = py::cast<Values<T>>(given);
  if (!std::equal(wanted.begin(), wanted.end(), array.shape(), array.shape() + array.ndim())) {
    throw std::invalid_argument(what + " have a shape that is not their axes' sizes");
  }
  return array;
}

bool watched(const Progress& progress, std::uint64_t done, std::uint64_t total) {
  const py::gil_scoped_acquire acquire;
  if (PyErr_CheckSignals() != 0) throw py::error_already_set();
  return !progress || !(*progress)(done, total).is(py::bool_(false));
}

template <typename T>
RowRun simulate(const problem::Problem& problem, const arch::Architecture& architecture,
                const mapping::Mapping& mapping, const py::object& inputs,
                const py::object& weights, const sim::RowOptions& options, const Progress& progress,
                sim::TraceWriter* trace) {
  RowRun out;
  sim::Tensors<T> tensors;
  Values<T> held_inputs;
  Values<T> held_weights;
  if (!inputs.is_none()) {
    held_inputs = values_of<T>(inputs, problem.tensor(problem::Role::inputs));
    held_weights = values_of<T>(weights, problem.tensor(problem::Role::weights));
    Values<T> outputs(shape_of(problem.tensor(problem::Role::outputs)));
    tensors = {held_inputs.data(), held_weights.data(), outputs.mutable_data()};
    out.outputs = outputs;
  }
  {
    const py::gil_scoped_release release;
    sim::RowStationaryArray<T> array(problem, architecture, mapping, tensors, options);
    const bool whole =
        sim::drive(problem, array.nest(), array,
                   {.poll = [&](std::uint64_t done,
                                std::uint64_t total) { return watched(progress, done, total); },
                    .trace = trace});
    if (!whole) throw std::runtime_error("simulate_row_stationary: stopped by progress");
    out.run = array.run();
    out.active_elements = array.active_elements();
  }
  return out;
}

RowRun simulate_row_stationary(const problem::Problem& problem,
                               const arch::Architecture& architecture,
                               const mapping::Mapping& mapping, const py::object& inputs,
                               const py::object& weights, std::uint64_t input_fifo,
                               std::uint64_t sum_fifo, std::uint64_t pipeline, bool shift,
                               bool shared_adder, const Progress& progress,
                               sim::TraceWriter* trace) {
  if (inputs.is_none() != weights.is_none()) {
    throw std::invalid_argument("simulate_row_stationary: inputs and weights are given together");
  }
  const sim::RowOptions options{.input_fifo = input_fifo,
                                .sum_fifo = sum_fifo,
                                .pipeline = pipeline,
                                .shift = shift,
                                .shared_adder = shared_adder};
  const auto run = Values<float>::check_(inputs) ? simulate<float> : simulate<std::int32_t>;
  return run(problem, architecture, mapping, inputs, weights, options, progress, trace);
}

/// By row and column of the array.
template <typename T>
py::array_t<std::int64_t> grid(const sim::Activity& activity, const std::vector<T>& each) {
  py::array_t<std::int64_t> out({activity.rows, activity.columns});
  std::transform(each.begin(), each.end(), out.mutable_data(),
                 [](const T& one) { return static_cast<std::int64_t>(one); });  // kNever is -1
  return out;
}

py::array_t<std::int64_t> stalls(const sim::Activity& activity) {
  py::array_t<std::int64_t> out(
      {activity.rows, activity.columns, static_cast<std::int64_t>(sim::kStalls)});
  std::int64_t* next = out.mutable_data();
  for (const auto& each : activity.stalled) {
    next = std::transform(each.begin(), each.end(), next,
                          [](std::uint64_t one) { return static_cast<std::int64_t>(one); });
  }
  return out;
}

template <typename T>
py::list leading(const T& per_level, int levels) {
  py::list out;
  for (int level = 0; level < levels; ++level) {
    out.append(per_level[static_cast<std::size_t>(level)]);
  }
  return out;
}

}  // namespace

void register_row_stationary(py::module_& module) {
  py::class_<RowRun>(module, "RowStationaryRun", "What a row-stationary array did.")
      .def_property_readonly("cycles", [](const RowRun& r) { return r.run.cycles; })
      .def_property_readonly("macs", [](const RowRun& r) { return r.run.macs; })
      .def_property_readonly("gated_macs", [](const RowRun& r) { return r.run.gated_macs; })
      .def_readonly("active_elements", &RowRun::active_elements)
      .def_readonly("outputs", &RowRun::outputs)
      .def(
          "reads", [](const RowRun& r, int levels) { return leading(r.run.reads, levels); },
          py::arg("levels"))
      .def(
          "writes", [](const RowRun& r, int levels) { return leading(r.run.writes, levels); },
          py::arg("levels"))
      .def_property_readonly(
          "active", [](const RowRun& r) { return grid(r.run.activity, r.run.activity.active); })
      .def_property_readonly(
          "gated", [](const RowRun& r) { return grid(r.run.activity, r.run.activity.gated); })
      .def_property_readonly(
          "first", [](const RowRun& r) { return grid(r.run.activity, r.run.activity.first); })
      .def_property_readonly(
          "last", [](const RowRun& r) { return grid(r.run.activity, r.run.activity.last); })
      .def_property_readonly("stalled", [](const RowRun& r) { return stalls(r.run.activity); });
  module.def(
      "simulate_row_stationary", &simulate_row_stationary, py::arg("problem"),
      py::arg("architecture"), py::arg("mapping"), py::arg("inputs") = py::none(),
      py::arg("weights") = py::none(), py::kw_only(),
      py::arg("input_fifo") = sim::RowOptions{}.input_fifo,
      py::arg("sum_fifo") = sim::RowOptions{}.sum_fifo,
      py::arg("pipeline") = sim::RowOptions{}.pipeline, py::arg("shift") = sim::RowOptions{}.shift,
      py::arg("shared_adder") = sim::RowOptions{}.shared_adder, py::arg("progress") = py::none(),
      py::arg("trace") = py::none(),
      "Simulate one mapping on a row-stationary array, cycle by cycle, with values or without. "
      "Ctrl-C ends it; progress(done, total) is called meanwhile with MACs, and if it returns "
      "False, RuntimeError is raised. ValueError if the mapping does not belong to problem and "
      "architecture, or is not of the row-stationary form.");
}

}  // namespace dnnaccel::bindings
