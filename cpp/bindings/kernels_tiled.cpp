#include <pybind11/stl.h>

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "bindings/bindings.hpp"
#include "bindings/kernel_shapes.hpp"
#include "kernels/tiled/operator.hpp"

namespace py = pybind11;

namespace dnnaccel::bindings {

namespace {

std::unique_ptr<PyOperator> make_tiled(const Four& input, const FloatArray& weights,
                                       const std::optional<FloatArray>& bias, Two stride,
                                       Four padding, Two dilation, std::int64_t groups,
                                       std::vector<std::pair<std::string, std::int64_t>> loops,
                                       unsigned threads, const std::string& isa,
                                       std::pair<float, float> clamp, const std::string& activation,
                                       std::int64_t x_pitch, std::int64_t out_pitch) {
  const auto shape =
      conv_shape(input, weights, {stride, padding, dilation, groups, x_pitch, out_pitch});
  const float* const biases = bias_values(bias, weights);
  const float* const values = weights.data();
  const py::gil_scoped_release release;
  return std::make_unique<PyOperator>(std::make_shared<kernels::TiledOperator>(
      kernels::Shape(input.begin(), input.end()), output_shape(shape), shape, values, biases,
      kernels::TiledOptions{.loops = std::move(loops),
                            .threads = threads,
                            .isa = isa,
                            .low = clamp.first,
                            .high = clamp.second,
                            .activation = activation}));
}

/// A product with a matrix is a convolution of an image one row high, whose columns the vectors
/// are: N of its nests is Q of the convolution's.
std::unique_ptr<PyOperator> make_tiled_linear(
    const kernels::Shape& input, const FloatArray& weights, const std::optional<FloatArray>& bias,
    const std::vector<std::pair<std::string, std::int64_t>>& loops, unsigned threads,
    const std::string& isa, std::pair<float, float> clamp, const std::string& activation,
    std::int64_t x_pitch, std::int64_t out_pitch) {
  const auto shape = linear_shape(input, weights, x_pitch, out_pitch);
  std::vector<std::pair<std::string, std::int64_t>> renamed;
  for (const auto& [dim, tile] : loops) {
    if (dim == "N" || dim == "M" || dim == "C") renamed.emplace_back(dim == "N" ? "Q" : dim, tile);
  }
  const float* const biases = bias_values(bias, weights);
  const float* const values = weights.data();
  kernels::Shape output = input;
  output.back() = shape.outputs;
  const py::gil_scoped_release release;
  return std::make_unique<PyOperator>(
      std::make_shared<kernels::TiledOperator>(input, std::move(output), shape, values, biases,
                                               kernels::TiledOptions{.loops = std::move(renamed),
                                                                     .threads = threads,
                                                                     .isa = isa,
                                                                     .low = clamp.first,
                                                                     .high = clamp.second,
                                                                     .activation = activation}));
}

}  // namespace

void register_kernels_tiled(py::module_& module) {
  module.def("tiled_operator", &make_tiled, py::kw_only(), py::arg("input"), py::arg("weights"),
             py::arg("bias"), py::arg("stride"), py::arg("padding"), py::arg("dilation"),
             py::arg("groups"), py::arg("loops"), py::arg("threads"), py::arg("isa"),
             py::arg("clamp"), py::arg("activation") = "", py::arg("x_pitch") = 0,
             py::arg("out_pitch") = 0, "A convolution that runs the loop nest it is given.");
  module.def("tiled_linear_operator", &make_tiled_linear, py::kw_only(), py::arg("input"),
             py::arg("weights"), py::arg("bias"), py::arg("loops"), py::arg("threads"),
             py::arg("isa"), py::arg("clamp"), py::arg("activation") = "", py::arg("x_pitch") = 0,
             py::arg("out_pitch") = 0,
             "A product with a matrix that runs the loop nest it is given.");
}

}  // namespace dnnaccel::bindings
