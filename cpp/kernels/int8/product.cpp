#include "kernels/int8/product.hpp"

#include <algorithm>
#include <atomic>
#include <limits>

#include "kernels/pool.hpp"

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
/// Runs are not cut: no sum is made in passes.
constexpr std::int64_t kLongestRun = std::numeric_limits<std::int32_t>::max();

}  // namespace

ByteProduct::ByteProduct(const ConvShape& shape, const Int8Levels& levels, bool lanes,
                         std::int64_t output_bytes, unsigned threads)
    : shape_(shape), lanes_(lanes), output_bytes_(output_bytes), threads_(threads) {
  make_panels(levels);
  if (shape.batch == 0) return;
  windows_ = make_windows(shape, !lanes, choose_cut());
  for (const Segment& segment : windows_.segments) {
    std::int64_t values = 0;
    for (std::int32_t run = 0; run < segment.runs; ++run)
      values += windows_.runs[static_cast<std::size_t>(segment.first_run + run)].length;
    macs_ += values * segment.pixels;
  }
  macs_ *= shape.outputs * (shape.batch / windows_.images);
  start_workers(threads);
}

void ByteProduct::pack(const Int8Weights& weights, std::int32_t zero, const float* multipliers) {
  if (shape_.batch == 0) return;
  starts_ = make_starts(panels_, weights, windows_, lanes_ ? 1 : weights.depth, zero);
  weights_ = lanes_ ? pack_lanes(panels_, weights) : pack_quads(panels_, weights, windows_.runs);
  multipliers_.assign(static_cast<std::size_t>(starts_.length), 1.0F);
  if (multipliers == nullptr) return;
  for (const Int8Panel& panel : panels_)
    std::copy_n(multipliers + panel.first, panel.width, multipliers_.begin() + panel.start);
}

void ByteProduct::make_panels(const Int8Levels& levels) {
  std::int64_t first = 0;
  if (lanes_) {
    for (const Int8Level& level : levels.depthwise) {
      if (level.lanes != 0)
        first = add_panels(panels_, level, first, shape_.outputs - first, /*fill=*/false);
    }
  }
  const std::int64_t outputs = shape_.group_outputs();
  for (; first < shape_.outputs; first += outputs)
    add_panels(panels_, levels.dense, first, outputs, /*fill=*/true);
}

Cut ByteProduct::choose_cut() const {
  const std::int64_t depth = lanes_ ? shape_.channels : shape_.group_channels();
  const std::int64_t bytes = depth * std::min(shape_.stride_height, shape_.kernel_height) *
                             std::min(shape_.stride_width, shape_.kernel_width);
  const std::int64_t both = bytes + shape_.outputs * output_bytes_;
  std::int64_t block =
      std::max(kBlockBytes / both, std::min(kBlockBytes / bytes, kBlockForOutputs));
  if (threads_ > 1) {
    const std::int64_t pixels = shape_.batch * shape_.out_height() * shape_.out_width();
    const auto panels = static_cast<std::int64_t>(panels_.size());
    const std::int64_t blocks =
        (static_cast<std::int64_t>(threads_) * kItemsPerThread + panels - 1) / panels;
    block = std::min(block, (pixels + blocks - 1) / blocks);
  }
  return {.block = std::max(block, kLeastBlock), .run = kLongestRun};
}

void ByteProduct::compute_item(Int8Tile tile, std::int64_t item) const noexcept {
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
  if (tile.residual != nullptr) tile.residual += out * residual_bytes_;
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

void ByteProduct::run(const Int8Tile& tile) const noexcept {
  if (shape_.batch == 0) return;
  const std::int64_t items = static_cast<std::int64_t>(panels_.size() * windows_.blocks.size()) *
                             (shape_.batch / windows_.images);
  const auto threads = static_cast<unsigned>(
      std::clamp<std::int64_t>(macs_ / kMacsPerThread, 1, std::min<std::int64_t>(threads_, items)));
  std::atomic<std::int64_t> next{0};
  auto work = [&](unsigned) noexcept {
    for (std::int64_t item = next.fetch_add(1, std::memory_order_relaxed); item < items;
         item = next.fetch_add(1, std::memory_order_relaxed))
      compute_item(tile, item);
  };
  run_on_workers(threads, work);
}

}  // namespace dnnaccel::kernels
