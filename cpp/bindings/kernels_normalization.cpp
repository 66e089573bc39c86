#include <pybind11/stl.h>

#include <cstdint>
#include <memory>
#include <string>

#include "bindings/bindings.hpp"
#include "bindings/operators.hpp"
#include "kernels/normalization/operator.hpp"

namespace py = pybind11;

namespace dnnaccel::bindings {

namespace {

using kernels::Shape;

std::unique_ptr<PyOperator> make_lrn(const Shape& input, std::int64_t size, float alpha, float beta,
                                     float k, unsigned threads, const std::string& isa) {
  return held(kernels::make_lrn(input, {.size = size, .alpha = alpha, .beta = beta, .k = k},
                                {.threads = threads, .isa = isa}));
}

std::unique_ptr<PyOperator> make_layer_norm(const Shape& input, const FloatArray& scale,
                                            const FloatArray& shift, float epsilon, bool residual,
                                            unsigned threads, const std::string& isa) {
  return held(kernels::make_layer_norm(input, values_of(scale), values_of(shift), epsilon, residual,
                                       {.threads = threads, .isa = isa}));
}

std::unique_ptr<PyOperator> make_softmax(const Shape& input, std::int64_t axis, unsigned threads,
                                         const std::string& isa) {
  return held(kernels::make_softmax(input, axis, {.threads = threads, .isa = isa}));
}

}  // namespace

void register_kernels_normalization(py::module_& module) {
  module.def("lrn_operator", &make_lrn, py::kw_only(), py::arg("input"), py::arg("size"),
             py::arg("alpha"), py::arg("beta"), py::arg("k"), py::arg("threads"), py::arg("isa"),
             "Local response normalisation along the last axis.");
  module.def("layer_norm_operator", &make_layer_norm, py::kw_only(), py::arg("input"),
             py::arg("scale"), py::arg("shift"), py::arg("epsilon"), py::arg("residual") = false,
             py::arg("threads"), py::arg("isa"),
             "Layer normalisation along the last axis, of the sum of two inputs with `residual`.");
  module.def("softmax_operator", &make_softmax, py::kw_only(), py::arg("input"),
             py::arg("axis") = -1, py::arg("threads"), py::arg("isa"), "Softmax along an axis.");
}

}  // namespace dnnaccel::bindings
