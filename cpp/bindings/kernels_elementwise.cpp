#include <pybind11/stl.h>

#include <cstdint>
#include <memory>
#include <string>
#include <utility>

#include "bindings/bindings.hpp"
#include "bindings/operators.hpp"
#include "kernels/elementwise/operator.hpp"

namespace py = pybind11;

namespace dnnaccel::bindings {

namespace {

using kernels::Shape;
using Range = std::pair<float, float>;

std::unique_ptr<PyOperator> make_unary(const std::string& function, const Shape& input, Range clamp,
                                       float factor, unsigned threads, const std::string& isa,
                                       std::int64_t x_pitch, std::int64_t out_pitch) {
  return held(kernels::make_unary(function, {input, x_pitch, out_pitch},
                                  {clamp.first, clamp.second}, factor,
                                  {.threads = threads, .isa = isa}));
}

std::unique_ptr<PyOperator> make_affine(const Shape& input, const FloatArray& scale,
                                        const FloatArray& shift, Range clamp, unsigned threads,
                                        const std::string& isa, std::int64_t x_pitch,
                                        std::int64_t out_pitch) {
  return held(kernels::make_affine({input, x_pitch, out_pitch}, values_of(scale), values_of(shift),
                                   {clamp.first, clamp.second}, {.threads = threads, .isa = isa}));
}

/// The maker of sums or of products.
auto combination(const char* operation) {
  return [operation](const Shape& input, std::int64_t count, Range clamp, unsigned threads,
                     const std::string& isa, std::int64_t x_pitch, std::int64_t out_pitch) {
    return held(kernels::make_combination(operation, {input, x_pitch, out_pitch}, count,
                                          {clamp.first, clamp.second},
                                          {.threads = threads, .isa = isa}));
  };
}

std::unique_ptr<PyOperator> make_add_table(const Shape& input, const FloatArray& table,
                                           unsigned threads, const std::string& isa) {
  return held(kernels::make_add_table(input, values_of(table), {.threads = threads, .isa = isa}));
}

}  // namespace

void register_kernels_elementwise(py::module_& module) {
  constexpr Range kAll{-__builtin_inff(), __builtin_inff()};
  module.def("unary_operator", &make_unary, py::kw_only(), py::arg("function"), py::arg("input"),
             py::arg("clamp") = kAll, py::arg("factor") = 1.0F, py::arg("threads"), py::arg("isa"),
             py::arg("x_pitch") = 0, py::arg("out_pitch") = 0, "A function of each value.");
  module.def("affine_operator", &make_affine, py::kw_only(), py::arg("input"), py::arg("scale"),
             py::arg("shift"), py::arg("clamp") = kAll, py::arg("threads"), py::arg("isa"),
             py::arg("x_pitch") = 0, py::arg("out_pitch") = 0,
             "x * scale + shift, of each channel its own.");
  for (const auto& [name, operation, text] :
       {std::tuple{"add_operator", "add", "The sum of tensors."},
        std::tuple{"multiply_operator", "multiply", "The product of tensors, value by value."}}) {
    module.def(name, combination(operation), py::kw_only(), py::arg("input"), py::arg("count"),
               py::arg("clamp") = kAll, py::arg("threads"), py::arg("isa"), py::arg("x_pitch") = 0,
               py::arg("out_pitch") = 0, text);
  }
  module.def("add_table_operator", &make_add_table, py::kw_only(), py::arg("input"),
             py::arg("table"), py::arg("threads"), py::arg("isa"),
             "x + table, the same table for every sample.");
}

}  // namespace dnnaccel::bindings
