#include <pybind11/numpy.h>
#include <pybind11/stl.h>

#include <memory>
#include <optional>
#include <string>
#include <utility>

#include "bindings/bindings.hpp"
#include "bindings/kernel_shapes.hpp"
#include "bindings/operators.hpp"
#include "kernels/bf16/conv.hpp"

namespace py = pybind11;

namespace dnnaccel::bindings {

namespace {

using kernels::ConvShape;
using kernels::Shape;

std::unique_ptr<PyOperator> make_operator(Shape input, Shape output, const ConvShape& shape,
                                          const FloatArray& weights,
                                          const std::optional<FloatArray>& bias,
                                          const kernels::ConvBf16Options& options) {
  const float* const from = weights.data();
  const float* const biases = bias_values(bias, weights);
  const py::gil_scoped_release release;
  return std::make_unique<PyOperator>(std::make_shared<kernels::ConvBf16Operator>(
      std::move(input), std::move(output), shape, from, biases, options));
}

std::unique_ptr<PyOperator> make_conv(const Four& input, const FloatArray& weights,
                                      const std::optional<FloatArray>& bias, Two stride,
                                      Four padding, Two dilation, std::int64_t groups,
                                      unsigned threads, const std::string& isa,
                                      std::pair<float, float> clamp, std::int64_t x_pitch,
                                      std::int64_t out_pitch) {
  const ConvShape shape =
      conv_shape(input, weights, {stride, padding, dilation, groups, x_pitch, out_pitch});
  Shape output{shape.batch, shape.out_height(), shape.out_width(), shape.outputs};
  return make_operator({input.begin(), input.end()}, std::move(output), shape, weights, bias,
                       {.threads = threads, .isa = isa, .low = clamp.first, .high = clamp.second});
}

std::unique_ptr<PyOperator> make_linear(const Shape& input, const FloatArray& weights,
                                        const std::optional<FloatArray>& bias, unsigned threads,
                                        const std::string& isa, std::pair<float, float> clamp,
                                        std::int64_t x_pitch, std::int64_t out_pitch) {
  const ConvShape shape = linear_shape(input, weights, x_pitch, out_pitch);
  Shape output = input;
  output.back() = shape.outputs;
  return make_operator(input, std::move(output), shape, weights, bias,
                       {.threads = threads, .isa = isa, .low = clamp.first, .high = clamp.second});
}

}  // namespace

void register_kernels_bf16(py::module_& module) {
  module.def("conv_bf16_operator", &make_conv, py::kw_only(), py::arg("input"), py::arg("weights"),
             py::arg("bias"), py::arg("stride"), py::arg("padding"), py::arg("dilation"),
             py::arg("groups"), py::arg("threads"), py::arg("isa"), py::arg("clamp"),
             py::arg("x_pitch") = 0, py::arg("out_pitch") = 0,
             "A convolution of float32 images, rounded to bfloat16.");
  module.def("linear_bf16_operator", &make_linear, py::kw_only(), py::arg("input"),
             py::arg("weights"), py::arg("bias"), py::arg("threads"), py::arg("isa"),
             py::arg("clamp"), py::arg("x_pitch") = 0, py::arg("out_pitch") = 0,
             "A product of float32 vectors with a matrix, rounded to bfloat16.");
}

}  // namespace dnnaccel::bindings
