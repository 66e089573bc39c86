#include "sim/systolic_product.hpp"

#include <pybind11/functional.h>
#include <pybind11/numpy.h>
#include <pybind11/stl.h>

#include <optional>
#include <stdexcept>
#include <string>

#include "bindings/bindings.hpp"

namespace py = pybind11;

namespace dnnaccel::bindings {

namespace {

using sim::ProductRun;
using sim::SystolicOptions;

using Progress = std::optional<std::function<py::object(std::uint64_t)>>;

/// A whole tensor, in C order, of the element type T.
template <typename T>
py::array_t<T, py::array::c_style> whole(const py::array& given, const problem::Tensor& tensor) {
  const auto array = py::array_t<T, py::array::c_style>::ensure(given);
  if (!array || static_cast<std::uint64_t>(array.size()) != tensor.words()) {
    throw std::invalid_argument(std::string(problem::name(tensor.role)) + ": " +
                                std::to_string(given.size()) + " words, not the " +
                                std::to_string(tensor.words()) + " of the problem");
  }
  return array;
}

template <typename T>
py::array_t<T> room_for_outputs(const problem::Problem& problem) {
  std::vector<py::ssize_t> shape;
  for (const problem::Axis& axis : problem.tensor(problem::Role::outputs).axes) {
    shape.push_back(axis.size);
  }
  py::array_t<T> outputs(shape);
  std::fill_n(outputs.mutable_data(), outputs.size(), T{});
  return outputs;
}

/// Int32 sums may wrap, as the hardware's do; in C++ only those of unsigned numbers may.
template <typename T>
using Word = std::conditional_t<std::is_same_v<T, std::int32_t>, std::uint32_t, T>;

template <typename T>
const Word<T>* words(const py::array_t<T, py::array::c_style>& array) {
  return reinterpret_cast<const Word<T>*>(array.data());
}

sim::MacWatch watch(const Progress& progress) {
  return [&progress](std::uint64_t macs) {
    const py::gil_scoped_acquire acquire;
    if (PyErr_CheckSignals() != 0) throw py::error_already_set();
    if (progress) (*progress)(macs);
  };
}

template <typename T>
std::pair<ProductRun, py::array> run_product(const problem::Problem& problem,
                                             const SystolicOptions& options, std::uint32_t waiting,
                                             const py::array& inputs, const py::array& weights,
                                             const Progress& progress) {
  const auto left = whole<T>(inputs, problem.tensor(problem::Role::inputs));
  const auto right = whole<T>(weights, problem.tensor(problem::Role::weights));
  py::array_t<T> outputs = room_for_outputs<T>(problem);
  const sim::Tensors<Word<T>> tensors{
      .inputs = words<T>(left),
      .weights = words<T>(right),
      .outputs = reinterpret_cast<Word<T>*>(outputs.mutable_data())};
  const py::gil_scoped_release release;
  return {sim::simulate_product(problem, options, tensors, waiting, watch(progress)), outputs};
}

std::pair<ProductRun, py::array> simulate_product(const problem::Problem& problem,
                                                  const SystolicOptions& options,
                                                  const py::array& inputs, const py::array& weights,
                                                  std::uint32_t waiting, const Progress& progress) {
  if (inputs.dtype().kind() == 'f') {
    return run_product<float>(problem, options, waiting, inputs, weights, progress);
  }
  return run_product<std::int32_t>(problem, options, waiting, inputs, weights, progress);
}

py::dict traffic(const cost::PerRole<std::uint64_t>& words) {
  py::dict out;
  for (const problem::Role role : problem::kEveryRole) {
    out[problem::name(role)] = words[static_cast<std::size_t>(problem::index(role))];
  }
  return out;
}

}  // namespace

void register_systolic(py::module_& module) {
  py::enum_<sim::Stationary>(module, "Stationary")
      .value("inputs", sim::Stationary::inputs)
      .value("weights", sim::Stationary::weights)
      .value("outputs", sim::Stationary::outputs);
  py::class_<SystolicOptions>(module, "SystolicOptions", "A systolic array.")
      .def(py::init([](std::int64_t rows, std::int64_t columns, sim::Stationary stationary,
                       bool double_buffered, bool activity) {
             return SystolicOptions{rows, columns, stationary, double_buffered, activity};
           }),
           py::kw_only(), py::arg("rows"), py::arg("columns"), py::arg("stationary"),
           py::arg("double_buffered") = false, py::arg("activity") = false);
  py::class_<ProductRun>(module, "ProductRun", "What a layer took on a systolic array.")
      .def_readonly("cycles", &ProductRun::cycles)
      .def_readonly("macs", &ProductRun::macs)
      .def_readonly("folds", &ProductRun::folds)
      .def_readonly("used", &ProductRun::used)
      .def_property_readonly(
          "classes",
          [](const ProductRun& run) {
            py::list out;
            for (const sim::FoldClass& one : run.classes) {
              out.append(py::make_tuple(one.rows, one.columns, one.steps, one.count));
            }
            return out;
          })
      .def_property_readonly("reads",
                             [](const ProductRun& run) { return traffic(run.traffic.reads); })
      .def_property_readonly("writes",
                             [](const ProductRun& run) { return traffic(run.traffic.writes); });
  module.def("count_product", &sim::count_product, py::arg("problem"), py::arg("options"),
             py::arg("waiting") = 0, py::call_guard<py::gil_scoped_release>(),
             "Count what simulate_product would, without values.");
  module.def(
      "simulate_product", &simulate_product, py::arg("problem"), py::arg("options"),
      py::arg("inputs"), py::arg("weights"), py::arg("waiting") = 0,
      py::arg("progress") = py::none(),
      "Run a layer on a systolic array, cycle by cycle: what it took, and the outputs. float "
      "arrays are taken as float32, others as int32. progress(macs) is called meanwhile.");
}

}  // namespace dnnaccel::bindings
