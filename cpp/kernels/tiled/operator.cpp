#include "kernels/tiled/operator.hpp"

#include <algorithm>
#include <atomic>
#include <limits>
#include <stdexcept>

#include "kernels/checks.hpp"
#include "kernels/conv/activation.hpp"
#include "kernels/pool.hpp"
#include "kernels/variants.hpp"

namespace dnnaccel::kernels {

namespace {

constexpr std::int64_t kLimit = std::numeric_limits<std::int32_t>::max();
constexpr float kInfinity = std::numeric_limits<float>::infinity();
constexpr int kMostRows = 16;   // of a tile
constexpr int kMostLanes = 16;  // of a vector
constexpr std::int64_t kLine = 64;
/// Pieces of work for each thread, so that one that is held up can leave some to the others.
constexpr std::int64_t kPartsPerThread = 4;

std::int64_t run_bytes(const ConvShape& shape) {
  const auto bytes =
      shape.kernel_height * shape.kernel_width * static_cast<std::int64_t>(sizeof(Run));
  return (bytes + kLine - 1) / kLine * kLine;
}

/// Run a tile that adds to what the output holds. Where the channels do not fill their vectors the
/// kernels cannot do that, so the sums are copied to where they do.
void add_to_output(const Panel& panel, TileArgs tile, std::int32_t rows) noexcept {
  if (panel.width == panel.row_length) return panel.kernels.tiles[rows - 1](tile);
  float sums[kMostRows * kMostLanes * kMaxVectors] = {};
  Pixel pixels[kMostRows];
  float* const output = tile.output;
  const Pixel* const to = tile.pixels;
  for (std::int32_t i = 0; i < rows; ++i) {
    pixels[i] = {to[i].input, i * panel.row_length};
    std::copy_n(output + to[i].output, panel.width, sums + pixels[i].output);
  }
  tile.output = sums;
  tile.pixels = pixels;
  tile.width = panel.row_length;
  panel.kernels.tiles[rows - 1](tile);
  for (std::int32_t i = 0; i < rows; ++i)
    std::copy_n(sums + pixels[i].output, panel.width, output + to[i].output);
}

}  // namespace

struct TiledOperator::Call {
  const float* inputs;
  const float* residual;
  float* outputs;
  Run* runs;  // room for one of each tap
};

/// One box inside all loops, tile by tile.
class TiledOperator::Leaf {
 public:
  Leaf(const TiledOperator& op, const Call& call, const Box& box) noexcept
      : op_(op), call_(call), box_(box) {
    const auto reaches = [&](Dim dim) { return box.end[dim] == op.nest_.whole().end[dim]; };
    first_ = box.begin[kC] == 0 && box.begin[kR] == 0 && box.begin[kS] == 0;
    last_ = reaches(kC) && reaches(kR) && reaches(kS);
    tile_.runs = call.runs;
    tile_.pixels = pixels_;
    tile_.low = last_ ? op.low_ : -kInfinity;
    tile_.high = last_ ? op.high_ : kInfinity;
  }

  void run() noexcept {
    const std::int64_t outputs = op_.shape_.group_outputs();
    for (std::int64_t g = box_.begin[kG]; g < box_.end[kG]; ++g) {
      std::int64_t m = g * outputs + box_.begin[kM];
      while (m < g * outputs + box_.end[kM]) {
        panel_ = &op_.panels_[static_cast<std::size_t>(op_.panel_at_[static_cast<std::size_t>(m)])];
        tile_.panel = op_.weights_.data() + panel_->weights;
        tile_.bias = first_ ? op_.weights_.data() + panel_->bias : nullptr;
        tile_.width = panel_->width;
        run_panel(g * op_.shape_.group_channels());
        m += panel_->width;
      }
    }
  }

 private:
  void run_panel(std::int64_t channel) noexcept {
    const ConvShape& s = op_.shape_;
    for (std::int64_t n = box_.begin[kN]; n < box_.end[kN]; ++n) {
      if (count_ > 0 && !op_.small_) flush();
      if (count_ == 0) aim(n, channel);
      for (std::int64_t p = box_.begin[kP]; p < box_.end[kP]; ++p) {
        const Taps rows = inside(op_.rows_[static_cast<std::size_t>(p)], kR);
        const std::int64_t y = (n - image_) * s.height + p * s.stride_height - s.pad_top;
        const std::int64_t out = ((n - image_) * s.out_height() + p) * s.out_width();
        for (std::int64_t q = box_.begin[kQ]; q < box_.end[kQ]; ++q) {
          const Taps columns = inside(op_.columns_[static_cast<std::size_t>(q)], kS);
          if (rows != taps_[0] || columns != taps_[1]) {
            flush();
            make_runs(rows, columns);
          }
          const std::int64_t x = q * s.stride_width - s.pad_left;
          pixels_[count_] = {static_cast<std::int32_t>((y * s.width + x) * s.x_step()),
                             static_cast<std::int32_t>((out + q) * s.out_step())};
          if (++count_ == panel_->kernels.rows) flush();
        }
      }
    }
    flush();
  }

  /// The taps of the box among those inside the image.
  Taps inside(const Taps& taps, Dim dim) const noexcept {
    const std::int64_t begin = std::max(taps.begin, box_.begin[dim]);
    const std::int64_t end = std::min(taps.end, box_.end[dim]);
    return begin < end ? Taps{begin, end} : Taps{0, 0};
  }

  /// Count offsets from image `n` on.
  void aim(std::int64_t n, std::int64_t channel) noexcept {
    const ConvShape& s = op_.shape_;
    image_ = n;
    tile_.input = call_.inputs + n * s.height * s.width * s.x_step() + channel;
    const std::int64_t out = n * s.out_height() * s.out_width() * s.out_step() + panel_->first;
    tile_.output = call_.outputs + out;
    // At the beginning: it may be the output, and be lost under the first sums.
    tile_.residual = first_ && call_.residual != nullptr ? call_.residual + out : nullptr;
  }

  void make_runs(const Taps& rows, const Taps& columns) noexcept {
    const ConvShape& s = op_.shape_;
    taps_[0] = rows;
    taps_[1] = columns;
    const std::int64_t depth = s.group_channels();
    const auto length = static_cast<std::int32_t>(box_.size(kC));
    // Neighbours in the kernel's row are neighbours in memory when nothing lies between them.
    const bool together = length == s.x_step() && s.dilation_width == 1;
    std::int32_t count = 0;
    for (std::int64_t r = rows.begin; r < rows.end; ++r) {
      for (std::int64_t c = columns.begin; c < columns.end; ++c) {
        if (together && c > columns.begin) {
          call_.runs[count - 1].length += length;
          continue;
        }
        const std::int64_t at = r * s.dilation_height * s.width + c * s.dilation_width;
        const std::int64_t row = (r * s.kernel_width + c) * depth + box_.begin[kC];
        call_.runs[count++] = {static_cast<std::int32_t>(at * s.x_step() + box_.begin[kC]),
                               static_cast<std::int32_t>(row), length};
      }
    }
    tile_.run_count = count;
  }

  void flush() noexcept {
    if (count_ == 0) return;
    if (first_)
      panel_->kernels.tiles[count_ - 1](tile_);
    else if (last_ || tile_.run_count > 0)
      add_to_output(*panel_, tile_, count_);
    if (last_ && op_.activation_ != nullptr) {
      for (std::int32_t i = 0; i < count_; ++i)
        op_.activation_(tile_.output + pixels_[i].output, panel_->width);
    }
    count_ = 0;
  }

  const TiledOperator& op_;
  const Call& call_;
  const Box& box_;
  bool first_;  // no part of these sums was computed before
  bool last_;
  TileArgs tile_{};
  const Panel* panel_ = nullptr;
  std::int64_t image_ = 0;
  Taps taps_[2] = {{-1, -1}, {-1, -1}};
  Pixel pixels_[kMostRows];
  std::int32_t count_ = 0;
};

TiledOperator::TiledOperator(Shape input, Shape output, const ConvShape& shape,
                             const float* weights, const float* bias, const TiledOptions& options)
    : Operator({{.shape = std::move(input), .pitch = shape.x_pitch},
                {.shape = output, .pitch = shape.out_pitch, .optional = true, .in_place = true}},
               {{.shape = output, .pitch = shape.out_pitch}}),
      shape_(shape),
      nest_((check(shape), shape), options.loops, find_kernels(options.isa).tiles->dense),
      low_(options.low),
      high_(options.high),
      activation_(find_activation(*find_kernels(options.isa).tiles, options.activation)) {
  const ConvShape& s = shape_;
  const unsigned threads = checked_threads("convolution", options.threads);
  check_clamp("convolution", low_, high_);
  const std::int64_t padded_height = s.height + s.pad_top + s.pad_bottom;
  const std::int64_t padded = padded_height * (s.width + s.pad_left + s.pad_right);
  const std::int64_t out_pixels = s.out_height() * s.out_width();
  small_ = s.batch <= kLimit / std::max(padded * s.x_step(), out_pixels * s.out_step());
  rows_ = find_taps(s.out_height(), s.stride_height, s.pad_top, s.dilation_height, s.height,
                    s.kernel_height);
  columns_ = find_taps(s.out_width(), s.stride_width, s.pad_left, s.dilation_width, s.width,
                       s.kernel_width);
  const KernelSet& kernels = find_kernels(options.isa);
  make_panels(kernels.tiles->dense, weights, bias);
  parts_ = nest_.parts(threads > 1 ? threads * kPartsPerThread : 1);
  const auto used =
      static_cast<unsigned>(std::min(static_cast<std::size_t>(threads), parts_.boxes.size()));
  const auto taps = [](const std::vector<Taps>& all) {
    std::int64_t sum = 0;
    for (const Taps& one : all) sum += one.end - one.begin;
    return sum;
  };
  info_ = {.isa = kernels.name,
           .algorithm = "tiled",
           .threads = used,
           .macs = s.batch * s.outputs * s.group_channels() * taps(rows_) * taps(columns_),
           .packed_bytes = info_.packed_bytes,
           .scratch_bytes = static_cast<std::size_t>(run_bytes(shape) * used)};
  start_workers(used);
}

std::vector<TiledOperator::Taps> TiledOperator::find_taps(std::int64_t outputs, std::int64_t stride,
                                                          std::int64_t pad, std::int64_t dilation,
                                                          std::int64_t size, std::int64_t kernel) {
  std::vector<Taps> all;
  for (std::int64_t out = 0; out < outputs; ++out) {
    const std::int64_t first = out * stride - pad;
    const std::int64_t begin = first >= 0 ? 0 : (-first + dilation - 1) / dilation;
    const std::int64_t end = first >= size ? 0 : (size - first + dilation - 1) / dilation;
    all.push_back({begin, std::max(begin, std::min(end, kernel))});
  }
  return all;
}

void TiledOperator::make_panels(const TileLevel& level, const float* weights, const float* bias) {
  const std::int64_t outputs = shape_.group_outputs();
  std::vector<std::int64_t> starts = nest_.starts(kM);
  starts.push_back(outputs);
  panel_at_.assign(static_cast<std::size_t>(shape_.outputs), -1);
  for (std::int64_t g = 0; g < shape_.groups; ++g) {
    for (std::size_t i = 0; i + 1 < starts.size(); ++i)
      add_panels(panels_, level, g * outputs + starts[i], starts[i + 1] - starts[i], /*fill=*/true);
  }
  const std::int64_t depth = shape_.group_channels();
  const std::int64_t taps = shape_.kernel_height * shape_.kernel_width;
  std::int64_t values = 0;
  for (std::size_t i = 0; i < panels_.size(); ++i) {
    panel_at_[static_cast<std::size_t>(panels_[i].first)] = static_cast<std::int32_t>(i);
    values += panels_[i].row_length * (depth * taps + 1);
  }
  if (values > kLimit)
    throw std::invalid_argument(
        "the nest's tiles of M fill so little of a vector that the weights "
        "take " +
        std::to_string(values) + " values; at most 2^31");
  weights_ = pack(panels_, weights, depth, taps, bias);
  info_.packed_bytes = static_cast<std::size_t>(values) * sizeof(float);
}

void TiledOperator::walk(const Call& call, const Box& box, std::size_t depth) const noexcept {
  if (depth == nest_.loops().size()) return Leaf(*this, call, box).run();
  const NestLoop loop = nest_.loops()[depth];
  Box inner = box;
  for (std::int64_t at = box.begin[loop.dim]; at < box.end[loop.dim]; at += loop.tile) {
    inner.begin[loop.dim] = at;
    inner.end[loop.dim] = std::min(at + loop.tile, box.end[loop.dim]);
    walk(call, inner, depth + 1);
  }
}

void TiledOperator::run(const void* const* inputs, void* const* outputs,
                        void* scratch) const noexcept {
  if (shape_.batch == 0) return;
  std::atomic<std::size_t> next{0};
  auto work = [&](unsigned worker) noexcept {
    auto* const runs = static_cast<char*>(scratch) + run_bytes(shape_) * worker;
    const Call call{.inputs = static_cast<const float*>(inputs[0]),
                    .residual = static_cast<const float*>(inputs[1]),
                    .outputs = static_cast<float*>(outputs[0]),
                    .runs = reinterpret_cast<Run*>(runs)};
    const auto take = [&] { return next.fetch_add(1, std::memory_order_relaxed); };
    for (std::size_t part = take(); part < parts_.boxes.size(); part = take())
      walk(call, parts_.boxes[part], parts_.first_loop);
  };
  run_on_workers(info_.threads, work);
}

}  // namespace dnnaccel::kernels
