#include <pybind11/numpy.h>
#include <pybind11/stl.h>

#include <algorithm>
#include <array>
#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "base/cpu_features.hpp"
#include "bindings/bindings.hpp"
#include "bindings/operators.hpp"
#include "kernels/conv/operator.hpp"
#include "kernels/pool.hpp"
#include "kernels/variants.hpp"

namespace py = pybind11;

namespace dnnaccel::bindings {

namespace {

using kernels::ConvOperator;
using kernels::ConvShape;
using kernels::Shape;
using Four = std::array<std::int64_t, 4>;
using Two = std::array<std::int64_t, 2>;

using Weights = FloatArray;
std::unique_ptr<PyOperator> make_plan(Shape input, Shape output, const ConvShape& shape,
                                      const Weights& weights, const std::optional<Weights>& bias,
                                      const kernels::ConvOptions& options) {
  if (bias && (bias->ndim() != 1 || bias->shape(0) != weights.shape(0)))
    refuse("the bias",
           "one value for each of the " + std::to_string(weights.shape(0)) + " outputs");
  const float* const from = weights.data();
  const float* const biases = bias ? bias->data() : nullptr;
  const py::gil_scoped_release release;
  return std::make_unique<PyOperator>(std::make_shared<ConvOperator>(
      std::move(input), std::move(output), shape, from, biases, options));
}

std::unique_ptr<PyOperator> make_conv(const Four& input, const Weights& weights,
                                      const std::optional<Weights>& bias, Two stride, Four padding,
                                      Two dilation, std::int64_t groups, bool nchw,
                                      const std::string& algorithm, unsigned threads,
                                      const std::string& isa, std::pair<float, float> clamp,
                                      const std::string& activation, std::int64_t x_pitch,
                                      std::int64_t out_pitch) {
  if (weights.ndim() != 4)
    refuse("the weights", "of four axes: outputs, channels of a group, rows, columns; not " +
                              std::to_string(weights.ndim()));
  const ConvShape shape{.batch = input[0],
                        .height = input[nchw ? 2 : 1],
                        .width = input[nchw ? 3 : 2],
                        .channels = input[nchw ? 1 : 3],
                        .outputs = weights.shape(0),
                        .kernel_height = weights.shape(2),
                        .kernel_width = weights.shape(3),
                        .stride_height = stride[0],
                        .stride_width = stride[1],
                        .pad_top = padding[0],
                        .pad_bottom = padding[1],
                        .pad_left = padding[2],
                        .pad_right = padding[3],
                        .dilation_height = dilation[0],
                        .dilation_width = dilation[1],
                        .groups = groups,
                        .x_pitch = x_pitch,
                        .out_pitch = out_pitch};
  kernels::check(shape);
  if (weights.shape(1) != shape.group_channels())
    refuse("the weights",
           "of as many channels as a group has: " + std::to_string(shape.group_channels()) +
               ", not " + std::to_string(weights.shape(1)));
  const std::int64_t rows = shape.out_height();
  const std::int64_t columns = shape.out_width();
  Shape output = nchw ? Shape{shape.batch, shape.outputs, rows, columns}
                      : Shape{shape.batch, rows, columns, shape.outputs};
  return make_plan({input.begin(), input.end()}, std::move(output), shape, weights, bias,
                   {.threads = threads,
                    .layout = nchw ? kernels::Layout::nchw : kernels::Layout::nhwc,
                    .algorithm = algorithm,
                    .isa = isa,
                    .activation = activation,
                    .low = clamp.first,
                    .high = clamp.second});
}

/// A product with a matrix is a convolution of an image one row high.
std::unique_ptr<PyOperator> make_linear(const Shape& input, const Weights& weights,
                                        const std::optional<Weights>& bias, unsigned threads,
                                        const std::string& isa, std::pair<float, float> clamp,
                                        const std::string& activation, std::int64_t x_pitch,
                                        std::int64_t out_pitch) {
  if (weights.ndim() != 2)
    refuse("the weights", "of two axes: outputs, inputs; not " + std::to_string(weights.ndim()));
  if (input.empty() || input.back() != weights.shape(1))
    refuse("the input", "of as many values as the weights have columns: (..., " +
                            std::to_string(weights.shape(1)) + "), not " + shape_text(input));
  std::int64_t vectors = 1;
  for (std::size_t axis = 0; axis + 1 < input.size(); ++axis) {
    if (input[axis] < 0 || __builtin_mul_overflow(vectors, input[axis], &vectors))
      refuse("the input", "of a shape that an array can have, not " + shape_text(input));
  }
  const ConvShape shape{.batch = vectors == 0 ? 0 : 1,
                        .width = std::max(vectors, std::int64_t{1}),
                        .channels = weights.shape(1),
                        .outputs = weights.shape(0),
                        .x_pitch = x_pitch,
                        .out_pitch = out_pitch};
  kernels::check(shape);
  Shape output = input;
  output.back() = shape.outputs;
  return make_plan(input, std::move(output), shape, weights, bias,
                   {.threads = threads,
                    .algorithm = "gemm",
                    .isa = isa,
                    .activation = activation,
                    .low = clamp.first,
                    .high = clamp.second});
}

}  // namespace

void register_kernels(py::module_& module) {
  module.def("conv_operator", &make_conv, py::kw_only(), py::arg("input"), py::arg("weights"),
             py::arg("bias"), py::arg("stride"), py::arg("padding"), py::arg("dilation"),
             py::arg("groups"), py::arg("nchw"), py::arg("algorithm"), py::arg("threads"),
             py::arg("isa"), py::arg("clamp"), py::arg("activation") = "", py::arg("x_pitch") = 0,
             py::arg("out_pitch") = 0, "A convolution.");
  module.def("linear_operator", &make_linear, py::kw_only(), py::arg("input"), py::arg("weights"),
             py::arg("bias"), py::arg("threads"), py::arg("isa"), py::arg("clamp"),
             py::arg("activation") = "", py::arg("x_pitch") = 0, py::arg("out_pitch") = 0,
             "A product with a matrix.");
  module.def("kernel_isas", &kernels::isa_names,
             "Names of the kernels that this processor can run, the fastest first.");
  module.def("kernel_threads", &kernels::num_threads,
             "How many threads a plan gets that asks for all.");
  module.def("set_kernel_threads", &kernels::set_num_threads, py::arg("threads"),
             "Say how many threads a plan gets that asks for all.");
  module.def(
      "cpu_features",
      [] {
        const base::CpuFeatures& cpu = base::cpu_features();
        return std::map<std::string, bool>{{"avx2", cpu.avx2},
                                           {"avx512", cpu.avx512},
                                           {"avx512_vnni", cpu.avx512_vnni},
                                           {"avx512_bf16", cpu.avx512_bf16},
                                           {"neon", cpu.neon}};
      },
      "What this machine's processor can run.");
}

}  // namespace dnnaccel::bindings
