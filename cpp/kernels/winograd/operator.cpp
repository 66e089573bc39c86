#include "kernels/winograd/operator.hpp"

#include <algorithm>
#include <atomic>
#include <limits>
#include <stdexcept>
#include <string>

#include "kernels/checks.hpp"
#include "kernels/conv/activation.hpp"
#include "kernels/pool.hpp"
#include "kernels/variants.hpp"
#include "kernels/winograd/weights.hpp"

namespace dnnaccel::kernels {

namespace {

constexpr std::int64_t kLimit = std::numeric_limits<std::int32_t>::max();
/// What a block's values may take in Winograd's domain, inputs and outputs together: most of a
/// second cache.
constexpr std::int64_t kBlockBytes = 960 * 1024;
/// No fewer tiles than this, where there are so many, or than that where the weights take more than
/// so many bytes: they are read again for each block.
constexpr std::int64_t kLeastBlock = 48;
constexpr std::int64_t kLeastBlockOfMany = 64;
constexpr std::int64_t kManyBytes = 12 * 1024 * 1024;
/// Blocks for each thread that need not be a whole number.
constexpr std::int64_t kEnoughBlocks = 4;
constexpr std::int64_t kLine = 16;       // values in a cache line
constexpr std::int64_t kWay = 4096 / 4;  // values this far apart share a set of the first cache

std::int64_t divide(std::int64_t count, std::int64_t by) { return (count + by - 1) / by; }

std::int64_t fill(std::int64_t count, std::int64_t to) { return divide(count, to) * to; }

/// From one of 36 matrices of so many values to the next: not all into one set of the first cache.
std::int64_t step_of(std::int64_t values) {
  const std::int64_t step = fill(values, kLine);
  return step % kWay == 0 ? step + kLine : step;
}

void check_kind(const ConvShape& s) {
  check(s);
  if (s.kernel_height == 3 && s.kernel_width == 3 && s.stride_height == 1 && s.stride_width == 1 &&
      s.dilation_height == 1 && s.dilation_width == 1 && s.groups == 1)
    return;
  throw std::invalid_argument(
      "the algorithm winograd is for kernels of 3x3, stride 1, dilation 1 and one group, not " +
      std::to_string(s.kernel_height) + "x" + std::to_string(s.kernel_width) + ", stride " +
      std::to_string(std::max(s.stride_height, s.stride_width)) + ", dilation " +
      std::to_string(std::max(s.dilation_height, s.dilation_width)) + " and " +
      std::to_string(s.groups) + (s.groups == 1 ? " group" : " groups"));
}

}  // namespace

/// One worker's part of a run.
struct WinogradOperator::Call {
  const float* inputs;
  const float* residual;
  float* outputs;
  float* values;  // of a block, in Winograd's domain
  float* products;
};

/// A tile's first output.
struct WinogradOperator::Place {
  std::int64_t image;
  std::int64_t row;
  std::int64_t column;
};

WinogradOperator::WinogradOperator(const ConvShape& shape, const float* weights, const float* bias,
                                   const WinogradOptions& options)
    : Operator({{.pitch = shape.x_pitch},
                {.pitch = shape.out_pitch, .optional = true, .in_place = true}},
               {{.pitch = shape.out_pitch}}),
      shape_(shape),
      low_(options.low),
      high_(options.high),
      activation_(find_activation(*find_kernels(options.isa).tiles, options.activation)) {
  check_kind(shape);
  const unsigned threads = checked_threads("convolution", options.threads);
  check_clamp("convolution", low_, high_);
  const KernelSet& kernels = find_kernels(options.isa);
  kernels_ = kernels.winograd;
  inputs_[0].shape = {shape.batch, shape.height, shape.width, shape.channels};
  outputs_[0].shape = {shape.batch, shape.out_height(), shape.out_width(), shape.outputs};
  inputs_[1].shape = outputs_[0].shape;
  tile_rows_ = divide(shape.out_height(), kWinogradTile);
  tile_columns_ = divide(shape.out_width(), kWinogradTile);
  depth_ = fill(shape.channels, kernels_->lanes);
  pack_weights(kernels.tiles->dense, weights, bias);
  choose_block(threads);
  const auto used =
      static_cast<unsigned>(std::clamp(blocks_ * parts_, std::int64_t{1}, std::int64_t{threads}));
  const std::int64_t tiles = shape.batch * tile_rows_ * tile_columns_;
  info_ = {.isa = kernels.name,
           .algorithm = "winograd",
           .threads = used,
           .macs = tiles * kWinogradValues * shape.channels * shape.outputs,
           .packed_bytes = info_.packed_bytes,
           .scratch_bytes = static_cast<std::size_t>((in_step_ + out_step_) * kWinogradValues *
                                                     static_cast<std::int64_t>(used)) *
                            sizeof(float)};
  start_workers(used);
}

void WinogradOperator::pack_weights(const TileLevel& level, const float* weights,
                                    const float* bias) {
  const ConvShape& s = shape_;
  add_panels(panels_, level, 0, s.outputs, /*fill=*/true);
  const std::vector<float> values = transform_weights(weights, s.outputs, s.channels);
  for (std::int64_t k = 0; k < kWinogradValues; ++k) {
    weights_.push_back(
        pack(panels_, values.data() + k * s.outputs * s.channels, s.channels, 1, nullptr));
  }
  // The products' rows have room for whole vectors: no panel is narrow.
  std::int64_t packed = 0;
  for (Panel& panel : panels_) {
    panel.width = panel.row_length;
    packed += panel.row_length * (s.channels + 1) * kWinogradValues;
  }
  width_ = panels_.back().first + panels_.back().width;
  zeros_ = fill(width_, kLine);
  fixed_ = AlignedFloats(static_cast<std::size_t>(zeros_ + depth_));
  std::fill_n(fixed_.data(), zeros_ + depth_, 0.0F);
  if (bias != nullptr) std::copy_n(bias, s.outputs, fixed_.data());
  info_.packed_bytes = static_cast<std::size_t>(packed + width_) * sizeof(float);
}

void WinogradOperator::choose_block(std::int64_t threads) {
  const std::int64_t tiles = shape_.batch * tile_rows_ * tile_columns_;
  const std::int64_t bytes =
      kWinogradValues * (depth_ + width_) * static_cast<std::int64_t>(sizeof(float));
  const bool many = info_.packed_bytes > kManyBytes;
  const std::int64_t most = std::max(kBlockBytes / bytes, many ? kLeastBlockOfMany : kLeastBlock);
  blocks_ = divide(tiles, most);
  // Threads share a block's output channels where there are too few blocks for them, and each makes
  // the block's inputs for itself: that takes less than reading all weights again.
  if (blocks_ < threads && blocks_ > 0) {
    parts_ = std::min(divide(threads, blocks_), static_cast<std::int64_t>(panels_.size()));
    blocks_ = std::min(divide(threads, parts_), tiles);
  } else if (blocks_ < threads * kEnoughBlocks) {
    blocks_ = std::min(divide(blocks_, threads) * threads, tiles);
  }
  block_ = blocks_ == 0 ? 1 : divide(tiles, blocks_);
  blocks_ = divide(tiles, block_);
  in_step_ = step_of(block_ * depth_);
  out_step_ = step_of(block_ * width_);
  if (std::max(in_step_, out_step_) > kLimit)
    throw std::invalid_argument("a block of Winograd's tiles has 2^31 values or more");
  for (std::int64_t t = 0; t < block_; ++t)
    pixels_.push_back(
        {static_cast<std::int32_t>(t * depth_), static_cast<std::int32_t>(t * width_)});
}

WinogradOperator::Place WinogradOperator::find(std::int64_t tile) const noexcept {
  return {.image = tile / (tile_rows_ * tile_columns_),
          .row = tile / tile_columns_ % tile_rows_ * kWinogradTile,
          .column = tile % tile_columns_ * kWinogradTile};
}

void WinogradOperator::transform_in(const Call& call, const Place& place,
                                    float* values) const noexcept {
  const ConvShape& s = shape_;
  const float* const image = call.inputs + place.image * s.height * s.width * s.x_step();
  WinogradInput tile{
      .values = values, .step = in_step_, .channels = static_cast<std::int32_t>(s.channels)};
  for (std::int64_t i = 0; i < kWinogradSide; ++i) {
    const std::int64_t y = place.row + i - s.pad_top;
    for (std::int64_t j = 0; j < kWinogradSide; ++j) {
      const std::int64_t x = place.column + j - s.pad_left;
      const bool inside = y >= 0 && y < s.height && x >= 0 && x < s.width;
      tile.pixels[i * kWinogradSide + j] =
          inside ? image + (y * s.width + x) * s.x_step() : fixed_.data() + zeros_;
    }
  }
  kernels_->input(tile);
}

/// products(k) = values(k) * weights(k), for all 36 values of `tiles` tiles and some panels.
void WinogradOperator::multiply(const Call& call, std::int64_t tiles,
                                std::span<const Panel> panels) const noexcept {
  const Run all{.input = 0, .row = 0, .length = static_cast<std::int32_t>(shape_.channels)};
  for (std::int64_t k = 0; k < kWinogradValues; ++k) {
    const float* const weights = weights_[static_cast<std::size_t>(k)].data();
    for (const Panel& panel : panels) {
      TileArgs tile{.input = call.values + k * in_step_,
                    .panel = weights + panel.weights,
                    .bias = weights + panel.bias,  // zeros
                    .output = call.products + k * out_step_ + panel.first,
                    .pixels = pixels_.data(),
                    .runs = &all,
                    .run_count = 1,
                    .width = panel.width,
                    .low = -std::numeric_limits<float>::infinity(),
                    .high = std::numeric_limits<float>::infinity()};
      std::int64_t left = tiles;
      for (std::int64_t parts = divide(left, panel.kernels.rows); parts > 0; --parts) {
        const std::int64_t count = divide(left, parts);
        panel.kernels.tiles[count - 1](tile);
        tile.pixels += count;
        left -= count;
      }
    }
  }
}

void WinogradOperator::transform_out(const Call& call, const Place& place, const float* values,
                                     std::int64_t first, std::int64_t count) const noexcept {
  const ConvShape& s = shape_;
  const std::int64_t pixel =
      (place.image * s.out_height() + place.row) * s.out_width() + place.column;
  const std::int64_t at = pixel * s.out_step() + first;
  const auto rows = std::min<std::int64_t>(s.out_height() - place.row, kWinogradTile);
  const auto columns = std::min<std::int64_t>(s.out_width() - place.column, kWinogradTile);
  kernels_->output({.values = values + first,
                    .bias = fixed_.data() + first,
                    .residual = call.residual == nullptr ? nullptr : call.residual + at,
                    .output = call.outputs + at,
                    .step = out_step_,
                    .row_step = s.out_width() * s.out_step(),
                    .column_step = s.out_step(),
                    .rows = static_cast<std::int32_t>(rows),
                    .columns = static_cast<std::int32_t>(columns),
                    .channels = static_cast<std::int32_t>(count),
                    .low = low_,
                    .high = high_});
  if (activation_ == nullptr) return;
  for (std::int64_t i = 0; i < rows; ++i) {
    for (std::int64_t j = 0; j < columns; ++j) {
      activation_(call.outputs + at + (i * s.out_width() + j) * s.out_step(),
                  static_cast<std::int32_t>(count));
    }
  }
}

/// A part of the output channels of a block.
void WinogradOperator::compute_item(const Call& call, std::int64_t item) const noexcept {
  const std::int64_t first_tile = item / parts_ * block_;
  const std::int64_t all = shape_.batch * tile_rows_ * tile_columns_;
  const std::int64_t tiles = std::min(block_, all - first_tile);
  const auto count = static_cast<std::int64_t>(panels_.size());
  const std::int64_t part = item % parts_;
  const std::span panels(panels_.begin() + part * count / parts_,
                         panels_.begin() + (part + 1) * count / parts_);
  for (std::int64_t t = 0; t < tiles; ++t)
    transform_in(call, find(first_tile + t), call.values + t * depth_);
  multiply(call, tiles, panels);
  const std::int64_t first = panels.front().first;
  const std::int64_t end =
      std::min<std::int64_t>(panels.back().first + panels.back().width, shape_.outputs);
  for (std::int64_t t = 0; t < tiles; ++t)
    transform_out(call, find(first_tile + t), call.products + t * width_, first, end - first);
}

void WinogradOperator::run(const void* const* inputs, void* const* outputs,
                           void* scratch) const noexcept {
  std::atomic<std::int64_t> next{0};
  auto work = [&](unsigned worker) noexcept {
    const std::int64_t values = in_step_ * kWinogradValues;
    const std::int64_t all = values + out_step_ * kWinogradValues;
    float* const mine = static_cast<float*>(scratch) + all * static_cast<std::int64_t>(worker);
    const Call call{.inputs = static_cast<const float*>(inputs[0]),
                    .residual = static_cast<const float*>(inputs[1]),
                    .outputs = static_cast<float*>(outputs[0]),
                    .values = mine,
                    .products = mine + values};
    const auto take = [&] { return next.fetch_add(1, std::memory_order_relaxed); };
    for (std::int64_t item = take(); item < blocks_ * parts_; item = take())
      compute_item(call, item);
  };
  run_on_workers(info_.threads, work);
}

}  // namespace dnnaccel::kernels
