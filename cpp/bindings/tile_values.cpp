#include "sim/tile_values.hpp"

#include <pybind11/functional.h>
#include <pybind11/numpy.h>
#include <pybind11/stl.h>

#include <stdexcept>
#include <string>

#include "bindings/bindings.hpp"
#include "bindings/sim_activity.hpp"

namespace py = pybind11;

namespace dnnaccel::bindings {

namespace {

std::vector<py::ssize_t> shape_of(const problem::Tensor& tensor) {
  std::vector<py::ssize_t> shape;
  for (const problem::Axis& axis : tensor.axes) shape.push_back(axis.size);
  return shape;
}

template <typename T>
using Array = py::array_t<T, py::array::c_style | py::array::forcecast>;

template <typename T>
const T* checked(const Array<T>& array, const problem::Tensor& tensor) {
  const std::vector<py::ssize_t> shape = shape_of(tensor);
  if (!std::equal(shape.begin(), shape.end(), array.shape(), array.shape() + array.ndim())) {
    throw std::invalid_argument(std::string("the ") + problem::name(tensor.role) + " are " +
                                py::str(py::tuple(array.attr("shape"))).cast<std::string>() +
                                "; the problem's are " +
                                py::str(py::tuple(py::cast(shape))).cast<std::string>());
  }
  return array.data();
}

template <typename T>
py::tuple run(const problem::Problem& problem, const arch::Architecture& architecture,
              const mapping::Mapping& mapping, const py::array& inputs, const py::array& weights,
              const RunProgress& progress) {
  const Array<T> in(inputs);
  const Array<T> by(weights);
  py::array_t<T> outputs(shape_of(problem.tensor(problem::Role::outputs)));
  const sim::Tensors<T> tensors{.inputs = checked(in, problem.tensor(problem::Role::inputs)),
                                .weights = checked(by, problem.tensor(problem::Role::weights)),
                                .outputs = outputs.mutable_data()};
  sim::ValuesRun done;
  {
    const py::gil_scoped_release release;
    done = sim::simulate_values<T>(problem, architecture, mapping, tensors, make_poll(progress));
  }
  return py::make_tuple(outputs, done.counts, done.finished);
}

py::tuple simulate_values(const problem::Problem& problem, const arch::Architecture& architecture,
                          const mapping::Mapping& mapping, const py::array& inputs,
                          const py::array& weights, const RunProgress& progress) {
  const auto both = [&](const char* type) {
    return inputs.dtype().equal(py::dtype(type)) && weights.dtype().equal(py::dtype(type));
  };
  if (both("float32")) {
    return run<float>(problem, architecture, mapping, inputs, weights, progress);
  }
  if (both("int8") || both("int32")) {
    return run<std::int32_t>(problem, architecture, mapping, inputs, weights, progress);
  }
  throw std::invalid_argument("inputs and weights must both be int8, int32 or float32, given " +
                              py::str(inputs.dtype()).cast<std::string>() + " and " +
                              py::str(weights.dtype()).cast<std::string>());
}

}  // namespace

void register_tile_values(py::module_& module) {
  module.def("simulate_values", &simulate_values, py::arg("problem"), py::arg("architecture"),
             py::arg("mapping"), py::arg("inputs"), py::arg("weights"),
             py::arg("progress") = py::none(),
             "Execute one mapping tile by tile: outputs, counts and whether it went to the end. "
             "int8 and int32 give int32, float32 gives float32. Ctrl-C ends it; progress(done, "
             "total) is called with MACs meanwhile, and if it returns False, it stops. ValueError "
             "if the mapping or a tensor does not belong.");
}

}  // namespace dnnaccel::bindings
