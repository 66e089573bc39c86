#include <pybind11/numpy.h>
#include <pybind11/stl.h>

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

#include "base/cpu_features.hpp"
#include "bindings/bindings.hpp"
#include "bindings/kernel_shapes.hpp"
#include "bindings/operators.hpp"
#include "kernels/conv/operator.hpp"
#include "kernels/linear/operator.hpp"
#include "kernels/pool.hpp"
#include "kernels/variants.hpp"

namespace py = pybind11;

namespace dnnaccel::bindings {

namespace {

using kernels::ConvOperator;
using kernels::ConvShape;
using kernels::Shape;
using Weights = FloatArray;
std::unique_ptr<PyOperator> make_plan(Shape input, Shape output, const ConvShape& shape,
                                      const Weights& weights, const std::optional<Weights>& bias,
                                      const kernels::ConvOptions& options, bool few = false) {
  const float* const from = weights.data();
  const float* const biases = bias_values(bias, weights);
  const py::gil_scoped_release release;
  if (few)
    return std::make_unique<PyOperator>(std::make_shared<kernels::LinearOperator>(
        std::move(input), std::move(output), shape, from, biases, options));
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
  const Four images = nchw ? Four{input[0], input[2], input[3], input[1]} : input;
  const ConvShape shape =
      conv_shape(images, weights, {stride, padding, dilation, groups, x_pitch, out_pitch});
  Shape output = output_shape(shape);
  if (nchw) output = {output[0], output[3], output[1], output[2]};
  return make_plan({input.begin(), input.end()}, std::move(output), shape, weights, bias,
                   {.threads = threads,
                    .layout = nchw ? kernels::Layout::nchw : kernels::Layout::nhwc,
                    .algorithm = algorithm,
                    .isa = isa,
                    .activation = activation,
                    .low = clamp.first,
                    .high = clamp.second});
}

/// A product with a matrix is a convolution of an image one row high, if it has more than a few.
std::unique_ptr<PyOperator> make_linear(const Shape& input, const Weights& weights,
                                        const std::optional<Weights>& bias, unsigned threads,
                                        const std::string& isa, std::pair<float, float> clamp,
                                        const std::string& activation, std::int64_t x_pitch,
                                        std::int64_t out_pitch) {
  const ConvShape shape = linear_shape(input, weights, x_pitch, out_pitch);
  Shape output = input;
  output.back() = shape.outputs;
  const kernels::ConvOptions options{.threads = threads,
                                     .algorithm = "gemm",
                                     .isa = isa,
                                     .activation = activation,
                                     .low = clamp.first,
                                     .high = clamp.second};
  return make_plan(input, std::move(output), shape, weights, bias, options,
                   kernels::LinearOperator::takes(shape.batch * shape.width, options));
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
  module.def(
      "kernel_isas",
      [](const std::string& element) {
        if (element == "float32") return kernels::isa_names();
        if (element == "bfloat16") return kernels::isa_names(kernels::Element::bfloat16);
        if (element == "int8") return kernels::isa_names(kernels::Element::int8);
        throw std::invalid_argument("kernels are for float32, bfloat16 or int8, not '" + element +
                                    "'");
      },
      py::arg("element") = "float32",
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
