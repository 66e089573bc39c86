#include <pybind11/numpy.h>
#include <pybind11/stl.h>

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "bindings/bindings.hpp"
#include "bindings/kernel_shapes.hpp"
#include "bindings/operators.hpp"
#include "kernels/int8/conv.hpp"
#include "kernels/int8/operators.hpp"

namespace py = pybind11;

namespace dnnaccel::bindings {

namespace {

using kernels::ConvInt8Operator;
using kernels::ConvShape;
using kernels::Element;
using kernels::Quantisation;
using kernels::Shape;
using Bytes = py::array_t<std::int8_t, py::array::c_style>;
using Sums = py::array_t<std::int32_t, py::array::c_style>;

/// (element, zero point)
using Quantised = std::pair<std::string, std::int32_t>;

Element element_of(const std::string& name) {
  if (name == "uint8") return Element::uint8;
  if (name == "int8") return Element::int8;
  if (name == "int32") return Element::int32;
  if (name == "float32") return Element::float32;
  throw std::invalid_argument("no element '" + name + "'; valid: uint8, int8, int32, float32");
}

Quantisation quantisation_of(const Quantised& given) {
  return {.element = element_of(given.first), .zero = given.second};
}

void check_count(const py::array& values, std::int64_t outputs, const char* name) {
  if (values.ndim() != 1 || values.shape(0) != outputs)
    refuse(name, "one value for each of the " + std::to_string(outputs) + " outputs");
}

/// What convolutions and matrix products are given alike.
struct Product {
  Bytes weights;
  std::optional<Sums> bias;
  Quantised x;
  std::optional<FloatArray> multipliers;
  Quantised out;
  std::optional<std::pair<Quantised, float>> residual;  // with its multiplier
  std::pair<float, float> clamp;
  unsigned threads;
  std::string isa;
  std::int64_t x_pitch;
  std::int64_t out_pitch;
};

std::unique_ptr<PyOperator> make_operator(Shape input, Shape output, const ConvShape& shape,
                                          const Product& given) {
  if (given.bias) check_count(*given.bias, shape.outputs, "the bias");
  kernels::ConvInt8Options options{.input = quantisation_of(given.x),
                                   .epilogue = {.element = element_of(given.out.first),
                                                .zero = given.out.second,
                                                .low = given.clamp.first,
                                                .high = given.clamp.second},
                                   .threads = given.threads,
                                   .isa = given.isa};
  if (given.multipliers) {
    check_count(*given.multipliers, shape.outputs, "the multipliers");
    options.multipliers = given.multipliers->data();
  } else if (options.epilogue.element != Element::int32) {
    refuse("the multipliers", "given for outputs other than int32");
  }
  if (given.residual) {
    options.epilogue.residual = quantisation_of(given.residual->first);
    options.epilogue.residual_multiplier = given.residual->second;
  }
  const std::int8_t* const weights = given.weights.data();
  const std::int32_t* const bias = given.bias ? given.bias->data() : nullptr;
  const py::gil_scoped_release release;
  return std::make_unique<PyOperator>(std::make_shared<ConvInt8Operator>(
      std::move(input), std::move(output), shape, weights, bias, options));
}

std::unique_ptr<PyOperator> make_conv(const Four& input, const Product& given, Two stride,
                                      Four padding, Two dilation, std::int64_t groups) {
  const ConvShape shape = conv_shape(
      input, given.weights, {stride, padding, dilation, groups, given.x_pitch, given.out_pitch});
  Shape output{shape.batch, shape.out_height(), shape.out_width(), shape.outputs};
  return make_operator({input.begin(), input.end()}, std::move(output), shape, given);
}

std::unique_ptr<PyOperator> make_linear(const Shape& input, const Product& given) {
  const ConvShape shape = linear_shape(input, given.weights, given.x_pitch, given.out_pitch);
  Shape output = input;
  output.back() = shape.outputs;
  return make_operator(input, std::move(output), shape, given);
}

/// With its multiplier.
using QuantisedInput = std::pair<Quantised, float>;

std::unique_ptr<PyOperator> make_pool(const std::string& kind, const Four& input, Two window,
                                      Two stride, Four padding, Two output, bool count_include_pad,
                                      const Quantised& x, const Quantised& out, float multiplier,
                                      unsigned threads, std::string isa, std::int64_t x_pitch,
                                      std::int64_t out_pitch) {
  const kernels::PoolShape shape{.batch = input[0],
                                 .height = input[1],
                                 .width = input[2],
                                 .channels = input[3],
                                 .window_height = window[0],
                                 .window_width = window[1],
                                 .stride_height = stride[0],
                                 .stride_width = stride[1],
                                 .pad_top = padding[0],
                                 .pad_bottom = padding[1],
                                 .pad_left = padding[2],
                                 .pad_right = padding[3],
                                 .out_height = output[0],
                                 .out_width = output[1],
                                 .count_padding = count_include_pad,
                                 .x_pitch = x_pitch,
                                 .out_pitch = out_pitch};
  return std::make_unique<PyOperator>(
      kernels::make_pool_int8(kind, shape, quantisation_of(x), quantisation_of(out), multiplier,
                              {.threads = threads, .isa = std::move(isa)}));
}

std::unique_ptr<PyOperator> make_sum(const Shape& input, const std::vector<QuantisedInput>& inputs,
                                     const Quantised& out, std::pair<float, float> clamp,
                                     unsigned threads, std::string isa,
                                     const std::vector<std::int64_t>& x_pitches,
                                     std::int64_t out_pitch) {
  std::vector<kernels::Int8Input> all;
  for (const auto& [quantised, multiplier] : inputs) {
    all.push_back({.quantisation = quantisation_of(quantised), .multiplier = multiplier});
    if (!x_pitches.empty()) all.back().pitch = x_pitches.at(all.size() - 1);
  }
  const kernels::Int8Epilogue epilogue{.element = element_of(out.first),
                                       .zero = out.second,
                                       .low = clamp.first,
                                       .high = clamp.second};
  return std::make_unique<PyOperator>(kernels::make_combine(
      input, all, epilogue, out_pitch, {.threads = threads, .isa = std::move(isa)}));
}

}  // namespace

void register_kernels_int8(py::module_& module) {
  module.def(
      "conv_int8_operator",
      [](const Four& input, Bytes weights, std::optional<Sums> bias, Quantised x,
         std::optional<FloatArray> multipliers, Quantised out,
         std::optional<std::pair<Quantised, float>> residual, std::pair<float, float> clamp,
         Two stride, Four padding, Two dilation, std::int64_t groups, unsigned threads,
         std::string isa, std::int64_t x_pitch, std::int64_t out_pitch) {
        return make_conv(input,
                         {std::move(weights), std::move(bias), std::move(x), std::move(multipliers),
                          std::move(out), std::move(residual), clamp, threads, std::move(isa),
                          x_pitch, out_pitch},
                         stride, padding, dilation, groups);
      },
      py::kw_only(), py::arg("input"), py::arg("weights"), py::arg("bias"), py::arg("x"),
      py::arg("multipliers"), py::arg("out"), py::arg("residual"), py::arg("clamp"),
      py::arg("stride"), py::arg("padding"), py::arg("dilation"), py::arg("groups"),
      py::arg("threads"), py::arg("isa"), py::arg("x_pitch") = 0, py::arg("out_pitch") = 0,
      "A convolution of 8-bit images.");
  module.def(
      "linear_int8_operator",
      [](const Shape& input, Bytes weights, std::optional<Sums> bias, Quantised x,
         std::optional<FloatArray> multipliers, Quantised out,
         std::optional<std::pair<Quantised, float>> residual, std::pair<float, float> clamp,
         unsigned threads, std::string isa, std::int64_t x_pitch, std::int64_t out_pitch) {
        return make_linear(input, {std::move(weights), std::move(bias), std::move(x),
                                   std::move(multipliers), std::move(out), std::move(residual),
                                   clamp, threads, std::move(isa), x_pitch, out_pitch});
      },
      py::kw_only(), py::arg("input"), py::arg("weights"), py::arg("bias"), py::arg("x"),
      py::arg("multipliers"), py::arg("out"), py::arg("residual"), py::arg("clamp"),
      py::arg("threads"), py::arg("isa"), py::arg("x_pitch") = 0, py::arg("out_pitch") = 0,
      "A product of 8-bit values with a matrix.");
  module.def(
      "quantize_operator",
      [](const Shape& input, float factor, const Quantised& out, unsigned threads, std::string isa,
         std::int64_t x_pitch, std::int64_t out_pitch) {
        return std::make_unique<PyOperator>(
            kernels::make_quantize(input, factor, quantisation_of(out), x_pitch, out_pitch,
                                   {.threads = threads, .isa = std::move(isa)}));
      },
      py::kw_only(), py::arg("input"), py::arg("factor"), py::arg("out"), py::arg("threads"),
      py::arg("isa"), py::arg("x_pitch") = 0, py::arg("out_pitch") = 0,
      "float32 to 8-bit integers.");
  module.def("sum_int8_operator", &make_sum, py::kw_only(), py::arg("input"), py::arg("inputs"),
             py::arg("out"), py::arg("clamp"), py::arg("threads"), py::arg("isa"),
             py::arg("x_pitches") = std::vector<std::int64_t>{}, py::arg("out_pitch") = 0,
             "The sum of 8-bit tensors; of one, what else it can stand for.");
  module.def("pool_int8_operator", &make_pool, py::kw_only(), py::arg("kind"), py::arg("input"),
             py::arg("window"), py::arg("stride"), py::arg("padding"), py::arg("output"),
             py::arg("count_include_pad"), py::arg("x"), py::arg("out"), py::arg("multiplier"),
             py::arg("threads"), py::arg("isa"), py::arg("x_pitch") = 0, py::arg("out_pitch") = 0,
             "Windows over 8-bit images.");
}

}  // namespace dnnaccel::bindings
