#include <pybind11/stl.h>

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <utility>

#include "bindings/bindings.hpp"
#include "bindings/kernel_shapes.hpp"
#include "kernels/winograd/operator.hpp"

namespace py = pybind11;

namespace dnnaccel::bindings {

namespace {

std::unique_ptr<PyOperator> make_winograd(const Four& input, const FloatArray& weights,
                                          const std::optional<FloatArray>& bias, Two stride,
                                          Four padding, Two dilation, std::int64_t groups,
                                          unsigned threads, const std::string& isa,
                                          std::pair<float, float> clamp,
                                          const std::string& activation, std::int64_t x_pitch,
                                          std::int64_t out_pitch) {
  const auto shape =
      conv_shape(input, weights, {stride, padding, dilation, groups, x_pitch, out_pitch});
  const float* const biases = bias_values(bias, weights);
  const float* const values = weights.data();
  const py::gil_scoped_release release;
  return std::make_unique<PyOperator>(std::make_shared<kernels::WinogradOperator>(
      shape, values, biases,
      kernels::WinogradOptions{.threads = threads,
                               .isa = isa,
                               .low = clamp.first,
                               .high = clamp.second,
                               .activation = activation}));
}

}  // namespace

void register_kernels_winograd(py::module_& module) {
  module.def("winograd_operator", &make_winograd, py::kw_only(), py::arg("input"),
             py::arg("weights"), py::arg("bias"), py::arg("stride"), py::arg("padding"),
             py::arg("dilation"), py::arg("groups"), py::arg("threads"), py::arg("isa"),
             py::arg("clamp"), py::arg("activation") = "", py::arg("x_pitch") = 0,
             py::arg("out_pitch") = 0,
             "A convolution with 3 by 3 kernels by Winograd's F(4x4, 3x3).");
}

}  // namespace dnnaccel::bindings
