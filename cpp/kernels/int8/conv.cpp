#include "kernels/int8/conv.hpp"

#include <utility>

#include "kernels/checks.hpp"
#include "kernels/variants.hpp"

namespace dnnaccel::kernels {

namespace {

constexpr const char* kWho = "convolution";

std::vector<TensorSpec> make_inputs(Shape input, const Shape& output, const ConvShape& shape,
                                    const ConvInt8Options& options) {
  std::vector<TensorSpec> specs{
      {.element = options.input.element, .shape = std::move(input), .pitch = shape.x_pitch}};
  if (options.epilogue.residual) {
    const Element element = options.epilogue.residual->element;
    specs.push_back({.element = element,
                     .shape = output,
                     .pitch = shape.out_pitch,
                     .in_place = size_of(element) == size_of(options.epilogue.element)});
  }
  return specs;
}

}  // namespace

ConvInt8Operator::ConvInt8Operator(Shape input, Shape output, const ConvShape& shape,
                                   const std::int8_t* weights, const std::int32_t* bias,
                                   const ConvInt8Options& options)
    : Operator(make_inputs(std::move(input), output, shape, options),
               {{.element = options.epilogue.element, .shape = output, .pitch = shape.out_pitch}}) {
  check(shape);
  const Int8Range range = int8_range(kWho, "the inputs", options.input);
  tile_ = make_epilogue(kWho, options.epilogue);
  info_.threads = checked_threads(kWho, options.threads);
  const Int8Weights given{.values = weights,
                          .bias = bias,
                          .depth = shape.group_channels(),
                          .taps = shape.kernel_height * shape.kernel_width};
  check_sums(shape, given, range.low, range.high, options.input.zero);

  const KernelSet& kernels = find_kernels(options.isa, Element::int8);
  const bool lanes = shape.depthwise();
  info_.isa = kernels.name;
  info_.algorithm = lanes ? "depthwise" : "gemm";
  const bool is_signed = options.input.element == Element::int8;
  const bool flipped = is_signed != kernels.int8->signed_inputs;
  if (tile_.kind != Int8Output::int32) {
    for (std::int64_t channel = 0; channel < shape.outputs; ++channel)
      check_multiplier(kWho, "each multiplier", options.multipliers[channel]);
  }
  product_ =
      ByteProduct(shape, flipped ? kernels.int8->flipped : kernels.int8->as_they_are, lanes,
                  static_cast<std::int64_t>(size_of(options.epilogue.element)), info_.threads);
  const std::int32_t moved = is_signed ? 128 : -128;
  product_.pack(given, options.input.zero + (flipped ? moved : 0),
                tile_.kind == Int8Output::int32 ? nullptr : options.multipliers);
  info_.macs = product_.macs();
  info_.packed_bytes = product_.packed_bytes();
}

void ConvInt8Operator::run(const void* const* inputs, void* const* outputs,
                           void* /*scratch*/) const noexcept {
  Int8Tile tile = tile_;
  tile.input = static_cast<const std::uint8_t*>(inputs[0]);
  tile.residual = inputs_.size() > 1 ? static_cast<const std::uint8_t*>(inputs[1]) : nullptr;
  tile.output = outputs[0];
  product_.run(tile);
}

}  // namespace dnnaccel::kernels
