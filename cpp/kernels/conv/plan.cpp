#include "kernels/conv/plan.hpp"

#include <algorithm>
#include <array>
#include <iterator>
#include <limits>
#include <stdexcept>
#include <string>
#include <utility>

#include "base/math.hpp"
#include "kernels/conv/activation.hpp"
#include "kernels/conv/transpose.hpp"
#include "kernels/pool.hpp"
#include "kernels/variants.hpp"

namespace dnnaccel::kernels {

namespace {

using base::ceil_div;

/// What a block's inputs may take: they are read again for every panel, from the second cache.
constexpr std::int64_t kBlockBytes = 384 * 1024;
/// No smaller than this for the outputs' sake: the weights are read again for every block.
constexpr std::int64_t kBlockForOutputs = 192;
/// A panel of weights of this size is read from the second cache for each tile; of a larger one,
/// parts of the second size in as many passes.
constexpr std::int64_t kOnePassBytes = 640 * 1024;
constexpr std::int64_t kPassBytes = 320 * 1024;
/// Weights of this size stay in the second cache from one block to the next; of more, those for the
/// next pass or panel are fetched while the ones before are at work.
constexpr std::int64_t kNearBytes = 512 * 1024;
/// Pixels that are a multiple of this apart fall into one set of the first cache, which has room
/// for so many of them beside the weights.
constexpr std::int64_t kWayBytes = 4096;
constexpr int kRowsInOneSet = 6;
/// A thread is worth its waking for some microseconds of work.
constexpr std::int64_t kMacsPerThread = 250'000;
/// Values in a run, so that passes can be cut between runs.
constexpr std::int64_t kLongestRun = 512;
/// Pieces of work for each thread, so that one that is held up can leave some to the others.
constexpr std::int64_t kItemsPerThread = 4;
/// No fewer pixels than this: a few tiles.
constexpr std::int64_t kLeastBlock = 24;

constexpr std::int64_t kLineBytes = 64;
constexpr std::int64_t kFloatBytes = sizeof(float);

constexpr std::array kAlgorithms = {std::pair{"gemm", Algorithm::gemm},
                                    std::pair{"depthwise", Algorithm::depthwise},
                                    std::pair{"grouped", Algorithm::grouped}};

/// The kernels for the shape's groups, or null.
const GroupLevels* find_groups(const ConvShape& shape, const TileSet& tiles) {
  if (!shape.even_groups()) return nullptr;
  const auto found = std::find_if(
      std::begin(tiles.grouped), std::end(tiles.grouped), [&](const GroupLevels& groups) {
        return groups.group != 0 && groups.group == shape.group_channels();
      });
  return found == std::end(tiles.grouped) ? nullptr : found;
}

Algorithm choose_algorithm(const ConvShape& shape, const TileSet& tiles, std::string_view asked) {
  if (asked.empty()) {
    if (shape.depthwise()) return Algorithm::depthwise;
    return find_groups(shape, tiles) != nullptr ? Algorithm::grouped : Algorithm::gemm;
  }
  const auto named = std::find_if(kAlgorithms.begin(), kAlgorithms.end(),
                                  [&](const auto& entry) { return asked == entry.first; });
  if (named == kAlgorithms.end())
    throw std::invalid_argument("convolution: no algorithm '" + std::string(asked) + "'");
  if (named->second == Algorithm::depthwise && !shape.depthwise())
    throw std::invalid_argument(
        "convolution: the depthwise algorithm needs as many groups as channels and output "
        "channels");
  if (named->second == Algorithm::grouped && find_groups(shape, tiles) == nullptr)
    throw std::invalid_argument(
        "convolution: the grouped algorithm needs groups of 2, 4 or 8 channels with as many "
        "outputs each, and kernels for them (portable has none for 8)");
  return named->second;
}

/// Bytes of so many values, filled up to whole cache lines.
std::size_t whole_lines(std::int64_t values) {
  return static_cast<std::size_t>((values + 15) / 16 * 16) * sizeof(float);
}

/// Bring the inputs of a tile's pixels `first` ... `end` - 1 nearer. For products of matrices
/// alone, which read much for what they compute.
void fetch_pixels(const TileArgs& tile, std::int32_t first, std::int32_t end, std::int64_t values) {
  for (std::int32_t i = first; i < end; ++i) {
    const float* const from = tile.input + (tile.pixels[i].input + tile.runs->input);
    for (std::int64_t k = 0; k < values; k += kLineBytes / kFloatBytes)
      __builtin_prefetch(from + k);
  }
}

/// Whether weights come from beyond the second cache for every block.
bool streams(const ConvShape& shape) {
  return shape.groups == 1 && shape.weight_size() * kFloatBytes > kNearBytes;
}

std::vector<Panel> make_panels(const ConvShape& shape, const TileSet& tiles, Algorithm algorithm) {
  std::vector<Panel> panels;
  std::int64_t first = 0;
  if (algorithm != Algorithm::gemm) {
    const auto& levels =
        algorithm == Algorithm::depthwise ? tiles.depthwise : find_groups(shape, tiles)->levels;
    for (const TileLevel& level : levels) {
      if (level.lanes != 0)
        first = add_panels(panels, level, first, shape.outputs - first, /*fill=*/false);
    }
  }
  // All groups, or those that fill no vector of the shortest.
  TileLevel dense = tiles.dense;
  if (streams(shape)) {
    for (int vectors = 0; vectors < kMaxVectors; ++vectors) {
      if (tiles.streaming.columns[vectors].rows > 0)
        dense.columns[vectors] = tiles.streaming.columns[vectors];
    }
  }
  const std::int64_t step = shape.x_step() * shape.stride_width * 4;
  if (step % kWayBytes == 0) {
    for (TileColumn& column : dense.columns) column.rows = std::min(column.rows, kRowsInOneSet);
  }
  const std::int64_t outputs = shape.group_outputs();
  for (; first < shape.outputs; first += outputs)
    add_panels(panels, dense, first, outputs, /*fill=*/true);
  return panels;
}

}  // namespace

struct ConvPlan::Job {
  const float* inputs;
  const float* residual;
  float* outputs;
};

ConvPlan::ConvPlan(const ConvShape& shape, const float* weights, const float* bias,
                   const ConvOptions& options)
    : shape_(shape),
      threads_(options.threads == 0 ? num_threads() : options.threads),
      epilogue_{.low = options.low, .high = options.high, .function = nullptr} {
  check(shape);
  if (threads_ > kMaxThreads)
    throw std::invalid_argument("convolution: at most " + std::to_string(kMaxThreads) +
                                " threads, not " + std::to_string(threads_));
  if (!(options.low <= options.high))
    throw std::invalid_argument("convolution: the clamp's low end must not be above its high end");
  const KernelSet& kernels = find_kernels(options.isa);
  const TileSet& tiles = *kernels.tiles;
  algorithm_ = choose_algorithm(shape, tiles, options.algorithm);
  epilogue_.function = find_activation(tiles, options.activation);
  isa_ = kernels.name;
  if (options.layout == Layout::nchw) {
    if (shape.x_step() != shape.channels || shape.out_step() != shape.outputs)
      throw std::invalid_argument("convolution: images in NCHW order have no pitch of pixels");
    scratch_bytes_ = whole_lines(shape.input_size()) + whole_lines(shape.output_size());
  }
  if (algorithm_ == Algorithm::depthwise && DepthwiseRows::suit(shape, *kernels.rows)) {
    rows_.emplace(shape, *kernels.rows, weights, bias, epilogue_, threads_);
    packed_bytes_ = rows_->packed_bytes();
    macs_ = rows_->macs();
  } else {
    prepare_tiles(tiles, weights, bias);
  }
  start_workers(threads_);
}

void ConvPlan::prepare_tiles(const TileSet& tiles, const float* weights, const float* bias) {
  panels_ = make_panels(shape_, tiles, algorithm_);
  weights_ = pack(panels_, weights, shape_.group_channels(),
                  shape_.kernel_height * shape_.kernel_width, bias);
  for (const Panel& panel : panels_)
    packed_bytes_ += static_cast<std::size_t>(panel.row_length) * sizeof(float) *
                     static_cast<std::size_t>(shape_.weight_size() / shape_.outputs + 1);
  if (shape_.batch == 0) return;
  windows_ = make_windows(shape_, algorithm_ != Algorithm::depthwise, choose_cut());
  for (const Segment& segment : windows_.segments) {
    std::int64_t values = 0;
    for (std::int32_t run = 0; run < segment.runs; ++run)
      values += windows_.runs[static_cast<std::size_t>(segment.first_run + run)].length;
    macs_ += values * segment.pixels;
  }
  macs_ *= shape_.outputs * (shape_.batch / windows_.images);
}

const char* ConvPlan::algorithm() const {
  return kAlgorithms[static_cast<std::size_t>(algorithm_)].first;
}

Cut ConvPlan::choose_cut() const {
  const std::int64_t depth =
      algorithm_ == Algorithm::gemm ? shape_.group_channels() : shape_.channels;
  const std::int64_t bytes = depth * static_cast<std::int64_t>(sizeof(float)) *
                             std::min(shape_.stride_height, shape_.kernel_height) *
                             std::min(shape_.stride_width, shape_.kernel_width);
  // Its outputs too, where they are the larger part: a line that is written beside another one that
  // was written a short while ago comes sooner.
  const std::int64_t both = bytes + shape_.outputs * static_cast<std::int64_t>(sizeof(float));
  std::int64_t block =
      std::max(kBlockBytes / both, std::min(kBlockBytes / bytes, kBlockForOutputs));
  const std::int64_t images = images_together(shape_);
  const std::int64_t pixels = images * shape_.out_height() * shape_.out_width();
  if (threads_ > 1) {
    const std::int64_t others = static_cast<std::int64_t>(panels_.size()) * (shape_.batch / images);
    const std::int64_t blocks = ceil_div(threads_ * kItemsPerThread, others);
    block = std::min(block, ceil_div(pixels, blocks));
  }
  // Of sizes as equal as can be, in whole tiles.
  block = ceil_div(pixels, ceil_div(pixels, std::max(block, kLeastBlock)));
  const std::int64_t rows = panels_.front().kernels.rows;
  return {.block = ceil_div(block, rows) * rows, .run = kLongestRun};
}

void ConvPlan::compute_item(const Job& job, std::int64_t item) const noexcept {
  const auto panel_count = static_cast<std::int64_t>(panels_.size());
  const auto block_count = static_cast<std::int64_t>(windows_.blocks.size());
  const Panel& panel = panels_[static_cast<std::size_t>(item % panel_count)];
  const Block& block = windows_.blocks[static_cast<std::size_t>(item / panel_count % block_count)];
  const std::int64_t image = item / panel_count / block_count * windows_.images;
  const std::int64_t in = image * shape_.height * shape_.width * shape_.x_step() +
                          panel.first / shape_.group_outputs() * shape_.group_channels();
  const std::int64_t out =
      image * shape_.out_height() * shape_.out_width() * shape_.out_step() + panel.first;
  TileArgs tile{.input = job.inputs + in,
                .panel = weights_.data() + panel.weights,
                .output = job.outputs + out,
                .width = panel.width,
                .ahead = weights_.data() + panel.bias};
  const auto rows = static_cast<std::int32_t>(shape_.weight_size() / shape_.outputs);
  // A residual that is the outputs would be lost under the sums of the first pass.
  const std::int32_t pass = job.residual == job.outputs ? rows : choose_pass(panel);
  // That of the item which this thread is likely to be given next.
  const Panel& following = panels_[static_cast<std::size_t>((item + 1) % panel_count)];
  for (std::int32_t row = 0; row < rows; row += pass) {
    const bool last = rows - row <= pass;
    Part part{.first_row = row, .end_row = std::min(row + pass, rows)};
    if (streams(shape_)) {
      const Panel& next = last ? following : panel;
      tile.ahead = weights_.data() + next.weights + (last ? 0 : part.end_row * next.row_length);
      part.fetched = std::min(last ? pass : rows - part.end_row, pass) * next.row_length *
                     static_cast<std::int64_t>(sizeof(float));
    }
    tile.bias = row == 0 ? weights_.data() + panel.bias : nullptr;
    tile.residual = last && job.residual != nullptr ? job.residual + out : nullptr;
    tile.low = last ? epilogue_.low : -std::numeric_limits<float>::infinity();
    tile.high = last ? epilogue_.high : std::numeric_limits<float>::infinity();
    compute_block(panel, block, tile, part, item % panel_count == 0);
  }
  if (epilogue_.function != nullptr) activate_block(panel, block, tile.output);
}

/// What has just been written, while it is near.
void ConvPlan::activate_block(const Panel& panel, const Block& block,
                              float* output) const noexcept {
  for (std::int32_t s = 0; s < block.segments; ++s) {
    const Segment& segment = windows_.segments[static_cast<std::size_t>(block.first_segment + s)];
    const Pixel* const pixels = windows_.pixels.data() + segment.first_pixel;
    for (std::int32_t i = 0; i < segment.pixels; ++i)
      epilogue_.function(output + pixels[i].output, panel.width);
  }
}

std::int32_t ConvPlan::choose_pass(const Panel& panel) const {
  const auto rows = static_cast<std::int32_t>(shape_.weight_size() / shape_.outputs);
  const std::int64_t row_bytes = panel.row_length * static_cast<std::int64_t>(sizeof(float));
  if (panel.width != panel.row_length || rows * row_bytes <= kOnePassBytes) return rows;
  // A run is in the pass that its first row is in: passes need not fit them.
  const std::int64_t passes = (rows * row_bytes + kPassBytes - 1) / kPassBytes;
  return static_cast<std::int32_t>((rows + passes - 1) / passes);
}

/// Set the runs of a segment's tiles; returns how many values they are.
std::int64_t ConvPlan::find_runs(const Segment& segment, const Part& part,
                                 TileArgs& tile) const noexcept {
  const Run* const runs = windows_.runs.data() + segment.first_run;
  const auto before = [](const Run& run, std::int32_t row) { return run.row < row; };
  tile.runs = std::lower_bound(runs, runs + segment.runs, part.first_row, before);
  const Run* const end = std::lower_bound(tile.runs, runs + segment.runs, part.end_row, before);
  tile.run_count = static_cast<std::int32_t>(end - tile.runs);
  std::int64_t values = 0;
  for (const Run* run = tile.runs; run != end; ++run) values += run->length;
  return values;
}

namespace {

/// As few tiles as can be.
std::int32_t tiles_of(const Segment& segment, const Panel& panel) {
  return (segment.pixels + panel.kernels.rows - 1) / panel.kernels.rows;
}

}  // namespace

/// A part of each sum of the block.
void ConvPlan::compute_block(const Panel& panel, const Block& block, TileArgs tile,
                             const Part& part, bool fetch) const noexcept {
  if (part.fetched > 0) {
    // What is to be fetched is shared out over all values that the tiles read.
    std::int64_t values = 0;
    for (std::int32_t s = 0; s < block.segments; ++s) {
      const Segment& segment = windows_.segments[static_cast<std::size_t>(block.first_segment + s)];
      values += find_runs(segment, part, tile) * tiles_of(segment, panel);
    }
    tile.ahead_step = std::min(part.fetched / std::max(values, std::int64_t{1}) + 1, kLineBytes);
  }
  const bool single = shape_.kernel_height * shape_.kernel_width == 1;
  for (std::int32_t s = 0; s < block.segments; ++s) {
    const Segment& segment = windows_.segments[static_cast<std::size_t>(block.first_segment + s)];
    const std::int64_t values = find_runs(segment, part, tile);
    tile.pixels = windows_.pixels.data() + segment.first_pixel;
    // Of sizes as equal as can be.
    std::int32_t left = segment.pixels;
    for (std::int32_t tiles = tiles_of(segment, panel); tiles > 0; --tiles) {
      const std::int32_t count = (left + tiles - 1) / tiles;
      if (fetch && single && values > 0)
        fetch_pixels(tile, count, std::min(left, 2 * count), values);
      panel.kernels.tiles[count - 1](tile);
      tile.ahead += values * tile.ahead_step / kFloatBytes;
      tile.pixels += count;
      left -= count;
    }
  }
}

void ConvPlan::run_nhwc(const float* inputs, const float* residual, float* outputs) const noexcept {
  if (rows_) return rows_->run(inputs, residual, outputs);
  const std::int64_t items = static_cast<std::int64_t>(panels_.size() * windows_.blocks.size()) *
                             (shape_.batch / windows_.images);
  const auto threads = static_cast<unsigned>(
      std::clamp<std::int64_t>(macs_ / kMacsPerThread, 1, std::min<std::int64_t>(threads_, items)));
  const Job job{.inputs = inputs, .residual = residual, .outputs = outputs};
  share_out(threads, items, [&](std::int64_t item) noexcept { compute_item(job, item); });
}

void ConvPlan::run(const float* inputs, const float* residual, float* outputs,
                   void* scratch) const noexcept {
  if (shape_.batch == 0) return;
  if (scratch_bytes_ == 0) return run_nhwc(inputs, residual, outputs);
  const ConvShape& s = shape_;
  const std::int64_t in_pixels = s.height * s.width;
  const std::int64_t out_pixels = s.out_height() * s.out_width();
  float* const in = static_cast<float*>(scratch);
  float* const out = in + whole_lines(s.input_size()) / sizeof(float);
  transpose(inputs, in, {s.batch, s.channels, in_pixels}, threads_);
  if (residual != nullptr) transpose(residual, out, {s.batch, s.outputs, out_pixels}, threads_);
  run_nhwc(in, residual == nullptr ? nullptr : out, out);
  transpose(out, outputs, {s.batch, out_pixels, s.outputs}, threads_);
}

}  // namespace dnnaccel::kernels
