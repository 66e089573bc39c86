#include "kernels/bf16/conv.hpp"

#include <cstring>
#include <utility>
#include <vector>

#include "kernels/bf16/kernels.hpp"
#include "kernels/checks.hpp"
#include "kernels/variants.hpp"

namespace dnnaccel::kernels {

namespace {

constexpr const char* kWho = "convolution";
/// What rounding a value takes, about.
constexpr double kValueNanoseconds = 0.1;
constexpr std::int64_t kPair = 2;  // bytes of a bfloat16

/// The convolution of the same weights and dense inputs as bytes.
ConvShape in_bytes(ConvShape shape) {
  check(shape);
  shape.channels *= kPair;
  shape.x_pitch = 0;
  check(shape);
  return shape;
}

/// The weights' bytes: each channel's two, as if they were two channels.
std::vector<std::int8_t> bytes_of(const ConvShape& shape, const float* weights,
                                  const Bf16Kernels& kernels) {
  const std::int64_t taps = shape.kernel_height * shape.kernel_width;
  const std::int64_t count = shape.weight_size();
  std::vector<std::uint16_t> halves(static_cast<std::size_t>(count));
  kernels.round(weights, halves.data(), count);
  std::vector<std::int8_t> bytes(static_cast<std::size_t>(count * kPair));
  for (std::int64_t i = 0; i < count; ++i) {
    const std::uint16_t half = halves[static_cast<std::size_t>(i)];
    const std::int64_t first = i / taps * kPair * taps + i % taps;
    bytes[static_cast<std::size_t>(first)] = static_cast<std::int8_t>(half & 0xFF);
    bytes[static_cast<std::size_t>(first + taps)] = static_cast<std::int8_t>(half >> 8);
  }
  return bytes;
}

}  // namespace

ConvBf16Operator::ConvBf16Operator(Shape input, Shape output, const ConvShape& shape,
                                   const float* weights, const float* bias,
                                   const ConvBf16Options& options)
    : Operator({{.shape = std::move(input), .pitch = shape.x_pitch},
                {.shape = output, .pitch = shape.out_pitch, .optional = true, .in_place = true}},
               {{.shape = output, .pitch = shape.out_pitch}}),
      pixels_(shape.batch * shape.height * shape.width),
      channels_(shape.channels),
      x_step_(shape.x_step()) {
  const ConvShape bytes = in_bytes(shape);
  check_clamp(kWho, options.low, options.high);
  const KernelSet& kernels = find_kernels(options.isa, Element::bfloat16);
  kernels_ = kernels.bf16;
  info_.isa = kernels.name;
  info_.algorithm = "gemm";
  info_.threads = checked_threads(kWho, options.threads);
  tile_.kind = Int8Output::float32;
  tile_.low = options.low;
  tile_.high = options.high;
  product_ = ByteProduct(bytes, kernels_->tiles, /*lanes=*/false, sizeof(float), info_.threads);
  product_.set_residual_bytes(sizeof(float));
  std::vector<std::int32_t> start(static_cast<std::size_t>(shape.outputs), 0);
  if (bias != nullptr) std::memcpy(start.data(), bias, start.size() * sizeof(float));
  const std::vector<std::int8_t> packed = bytes_of(shape, weights, *kernels_);
  product_.pack({.values = packed.data(),
                 .bias = start.data(),
                 .depth = bytes.group_channels(),
                 .taps = shape.kernel_height * shape.kernel_width},
                /*zero=*/0, /*multipliers=*/nullptr);
  const bool dense = x_step_ == channels_;
  split_ = split_work(dense ? pixels_ * channels_ : pixels_,
                      kValueNanoseconds * static_cast<double>(dense ? 1 : channels_), info_.threads,
                      dense ? 64 : 1);
  info_.macs = product_.macs() / kPair;
  info_.packed_bytes = product_.packed_bytes();
  info_.scratch_bytes = static_cast<std::size_t>((pixels_ * channels_ * kPair + 63) / 64 * 64);
}

void ConvBf16Operator::run(const void* const* inputs, void* const* outputs,
                           void* scratch) const noexcept {
  const auto* const from = static_cast<const float*>(inputs[0]);
  auto* const halves = static_cast<std::uint16_t*>(scratch);
  run_split(split_, [&](unsigned, std::int64_t first, std::int64_t end) {
    if (x_step_ == channels_) return kernels_->round(from + first, halves + first, end - first);
    for (std::int64_t pixel = first; pixel < end; ++pixel)
      kernels_->round(from + pixel * x_step_, halves + pixel * channels_, channels_);
  });
  Int8Tile tile = tile_;
  tile.input = static_cast<const std::uint8_t*>(scratch);
  tile.residual = static_cast<const std::uint8_t*>(inputs[1]);
  tile.output = outputs[0];
  product_.run(tile);
}

}  // namespace dnnaccel::kernels
