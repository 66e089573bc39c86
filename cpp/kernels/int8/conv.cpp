#include "kernels/int8/conv.hpp"

#include <algorithm>
#include <atomic>
#include <limits>
#include <utility>

#include "kernels/checks.hpp"
#include "kernels/pool.hpp"
#include "kernels/variants.hpp"

namespace dnnaccel::kernels {

namespace {

/// What a block's inputs may take: they are read again for every panel, from the second cache.
constexpr std::int64_t kBlockBytes = 256 * 1024;
/// No smaller than this for the outputs' sake: the weights are read again for every block.
constexpr std::int64_t kBlockForOutputs = 192;
/// No fewer pixels than this: a few tiles.
constexpr std::int64_t kLeastBlock = 24;
/// A thread is worth its waking for some microseconds of work.
constexpr std::int64_t kMacsPerThread = 1'000'000;
/// Pieces of work for each thread, so that one that is held up can leave some to the others.
constexpr std::int64_t kItemsPerThread = 4;
constexpr const char* kWho = "convolution";
/// Runs are not cut: no sum is made in passes.
constexpr std::int64_t kLongestRun = std::numeric_limits<std::int32_t>::max();

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
               {{.element = options.epilogue.element, .shape = output, .pitch = shape.out_pitch}}),
      shape_(shape),
      output_bytes_(static_cast<std::int64_t>(size_of(options.epilogue.element))) {
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
  make_panels(flipped ? kernels.int8->flipped : kernels.int8->as_they_are, lanes);
  if (shape.batch == 0) return;

  windows_ = make_windows(shape, !lanes, choose_cut(lanes));
  const std::int32_t moved = is_signed ? 128 : -128;
  starts_ = make_starts(panels_, given, windows_, lanes ? 1 : given.depth,
                        options.input.zero + (flipped ? moved : 0));
  for (const Segment& segment : windows_.segments) {
    std::int64_t values = 0;
    for (std::int32_t run = 0; run < segment.runs; ++run)
      values += windows_.runs[static_cast<std::size_t>(segment.first_run + run)].length;
    info_.macs += values * segment.pixels;
  }
  info_.macs *= shape.outputs * (shape.batch / windows_.images);
  weights_ = lanes ? pack_lanes(panels_, given) : pack_quads(panels_, given, windows_.runs);
  multipliers_.assign(static_cast<std::size_t>(starts_.length), 1.0F);
  if (tile_.kind != Int8Output::int32) {
    for (const Int8Panel& panel : panels_) {
      for (std::int32_t c = 0; c < panel.width; ++c) {
        check_multiplier(kWho, "each multiplier", options.multipliers[panel.first + c]);
        multipliers_[static_cast<std::size_t>(panel.start + c)] =
            options.multipliers[panel.first + c];
      }
    }
  }
  info_.packed_bytes = weights_.size + (starts_.values.size() + multipliers_.size()) * 4;
  start_workers(info_.threads);
}

void ConvInt8Operator::make_panels(const Int8Levels& levels, bool lanes) {
  std::int64_t first = 0;
  if (lanes) {
    for (const Int8Level& level : levels.depthwise) {
      if (level.lanes != 0)
        first = add_panels(panels_, level, first, shape_.outputs - first, /*fill=*/false);
    }
  }
  const std::int64_t outputs = shape_.group_outputs();
  for (; first < shape_.outputs; first += outputs)
    add_panels(panels_, levels.dense, first, outputs, /*fill=*/true);
}

Cut ConvInt8Operator::choose_cut(bool lanes) const {
  const std::int64_t depth = lanes ? shape_.channels : shape_.group_channels();
  const std::int64_t bytes = depth * std::min(shape_.stride_height, shape_.kernel_height) *
                             std::min(shape_.stride_width, shape_.kernel_width);
  const std::int64_t both = bytes + shape_.outputs * output_bytes_;
  std::int64_t block =
      std::max(kBlockBytes / both, std::min(kBlockBytes / bytes, kBlockForOutputs));
  if (info_.threads > 1) {
    const std::int64_t pixels = shape_.batch * shape_.out_height() * shape_.out_width();
    const auto panels = static_cast<std::int64_t>(panels_.size());
    const std::int64_t blocks =
        (static_cast<std::int64_t>(info_.threads) * kItemsPerThread + panels - 1) / panels;
    block = std::min(block, (pixels + blocks - 1) / blocks);
  }
  return {.block = std::max(block, kLeastBlock), .run = kLongestRun};
}

void ConvInt8Operator::compute_item(Int8Tile tile, std::int64_t item) const noexcept {
  const auto panel_count = static_cast<std::int64_t>(panels_.size());
  const auto block_count = static_cast<std::int64_t>(windows_.blocks.size());
  const Int8Panel& panel = panels_[static_cast<std::size_t>(item % panel_count)];
  const Block& block = windows_.blocks[static_cast<std::size_t>(item / panel_count % block_count)];
  const std::int64_t image = item / panel_count / block_count * windows_.images;
  tile.input += image * shape_.height * shape_.width * shape_.x_step() +
                panel.first / shape_.group_outputs() * shape_.group_channels();
  const std::int64_t out =
      image * shape_.out_height() * shape_.out_width() * shape_.out_step() + panel.first;
  tile.output = static_cast<std::uint8_t*>(tile.output) + out * output_bytes_;
  if (tile.residual != nullptr) tile.residual += out;
  tile.panel = weights_.data() + panel.weights;
  tile.multiplier = multipliers_.data() + panel.start;
  tile.width = panel.width;
  for (std::int32_t s = 0; s < block.segments; ++s) {
    const auto number = static_cast<std::size_t>(block.first_segment + s);
    const Segment& segment = windows_.segments[number];
    tile.start = starts_.values.data() + std::int64_t{starts_.classes[number]} * starts_.length +
                 panel.start;
    tile.runs = windows_.runs.data() + segment.first_run;
    tile.run_count = segment.runs;
    tile.pixels = windows_.pixels.data() + segment.first_pixel;
    // As few tiles as can be, of sizes as equal as can be.
    std::int32_t left = segment.pixels;
    for (std::int32_t tiles = (left + panel.kernels.rows - 1) / panel.kernels.rows; tiles > 0;
         --tiles) {
      const std::int32_t count = (left + tiles - 1) / tiles;
      panel.kernels.tiles[count - 1](tile);
      tile.pixels += count;
      left -= count;
    }
  }
}

void ConvInt8Operator::run(const void* const* inputs, void* const* outputs,
                           void* /*scratch*/) const noexcept {
  if (shape_.batch == 0) return;
  Int8Tile tile = tile_;
  tile.input = static_cast<const std::uint8_t*>(inputs[0]);
  tile.residual = inputs_.size() > 1 ? static_cast<const std::uint8_t*>(inputs[1]) : nullptr;
  tile.output = outputs[0];
  const std::int64_t items = static_cast<std::int64_t>(panels_.size() * windows_.blocks.size()) *
                             (shape_.batch / windows_.images);
  const auto threads = static_cast<unsigned>(std::clamp<std::int64_t>(
      info_.macs / kMacsPerThread, 1, std::min<std::int64_t>(info_.threads, items)));
  std::atomic<std::int64_t> next{0};
  auto work = [&](unsigned) noexcept {
    for (std::int64_t item = next.fetch_add(1, std::memory_order_relaxed); item < items;
         item = next.fetch_add(1, std::memory_order_relaxed))
      compute_item(tile, item);
  };
  run_on_workers(threads, work);
}

}  // namespace dnnaccel::kernels
