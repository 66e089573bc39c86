#include "kernels/conv/depthwise.hpp"

#include <algorithm>
#include <iterator>

#include "base/math.hpp"
#include "kernels/pool.hpp"

namespace dnnaccel::kernels {

namespace {

using base::ceil_div;

/// What the inputs of a piece of work may take: rows are read again for the next row of outputs.
constexpr std::int64_t kPieceBytes = 256 * 1024;
/// Panels that go through a row together: their weights stay in the first cache.
constexpr std::int64_t kPanelsTogether = 8;
constexpr std::int64_t kMacsPerThread = 100'000;
constexpr std::int64_t kItemsPerThread = 4;

/// Taps of the window at `out` that are inside the image, in one direction.
struct Taps {
  std::int64_t begin;
  std::int64_t end;
};

Taps taps_inside(std::int64_t first, std::int64_t size, std::int64_t kernel) {
  return {std::max(-first, std::int64_t{0}), std::min(size - first, kernel)};
}

std::int64_t count_taps(std::int64_t outputs, std::int64_t stride, std::int64_t pad,
                        std::int64_t size, std::int64_t kernel) {
  std::int64_t count = 0;
  for (std::int64_t out = 0; out < outputs; ++out) {
    const Taps taps = taps_inside(out * stride - pad, size, kernel);
    count += taps.end - taps.begin;
  }
  return count;
}

}  // namespace

struct DepthwiseRows::Job {
  const float* inputs;
  const float* residual;
  float* outputs;
};

bool DepthwiseRows::suit(const ConvShape& s, const RowKernels& kernels) {
  // Tiles have no kernels for a part of a vector. But with few columns and a stride a value is read
  // for few products; and pixels this far apart fall into one set of the first cache, which has no
  // room for all rows of a piece.
  constexpr std::int64_t kWay = 4096 / sizeof(float);
  const bool strided = s.stride_width > 1 && s.kernel_width < 7;
  if (s.channels % kernels.lanes == 0 && (strided || s.x_step() % kWay == 0)) return false;
  // Every window has a tap inside the image: then no more columns than a kernel has are padding on
  // one side of a piece.
  return s.depthwise() && std::count(std::begin(kRowTaps), std::end(kRowTaps), s.kernel_width) &&
         s.stride_width <= kRowStrides && s.dilation_width == 1 && s.dilation_height == 1 &&
         std::max(s.pad_left, s.pad_right) < s.kernel_width &&
         std::max(s.pad_top, s.pad_bottom) < s.kernel_height;
}

DepthwiseRows::DepthwiseRows(const ConvShape& shape, const RowKernels& kernels,
                             const float* weights, const float* bias, const Epilogue& epilogue,
                             unsigned threads)
    : shape_(shape), pixels_(kernels.pixels), epilogue_(epilogue), threads_(threads) {
  const auto taps = std::find(std::begin(kRowTaps), std::end(kRowTaps), shape.kernel_width);
  column_ = &kernels.columns[taps - std::begin(kRowTaps)][shape.stride_width - 1];
  for (std::int64_t first = 0; first < shape.channels; first += kernels.lanes) {
    panels_.push_back({.kernels = {},
                       .first = static_cast<std::int32_t>(first),
                       .width = static_cast<std::int32_t>(
                           std::min<std::int64_t>(kernels.lanes, shape.channels - first)),
                       .row_length = kernels.lanes,
                       .weights = 0,
                       .bias = 0});
  }
  weights_ = pack(panels_, weights, 1, shape.kernel_height * shape.kernel_width, bias);
  whole_ = shape.channels / kernels.lanes;
  if (panels_.size() > 1)
    panel_step_ = static_cast<std::int64_t>(panels_[1].bias - panels_[0].bias);
  macs_ = shape.batch * shape.channels *
          count_taps(shape.out_height(), shape.stride_height, shape.pad_top, shape.height,
                     shape.kernel_height) *
          count_taps(shape.out_width(), shape.stride_width, shape.pad_left, shape.width,
                     shape.kernel_width);
  const auto panels = static_cast<std::int64_t>(panels_.size());
  group_ = std::min(kPanelsTogether, panels);
  const std::int64_t row_bytes = shape.width * group_ * kernels.lanes *
                                 static_cast<std::int64_t>(sizeof(float)) * shape.stride_height;
  rows_ = std::clamp(kPieceBytes / row_bytes, std::int64_t{1}, shape.out_height());
  if (threads_ > 1) {
    const std::int64_t others = shape.batch * ceil_div(panels, group_);
    const std::int64_t blocks =
        ceil_div(threads_ * kItemsPerThread, std::max(others, std::int64_t{1}));
    rows_ = std::min(rows_, ceil_div(shape.out_height(), blocks));
  }
}

std::size_t DepthwiseRows::packed_bytes() const {
  std::size_t values = 0;
  for (const Panel& panel : panels_)
    values += static_cast<std::size_t>(panel.row_length *
                                       (shape_.kernel_height * shape_.kernel_width + 1));
  return values * sizeof(float);
}

Blocking DepthwiseRows::blocking() const {
  return {.pixels = rows_ * shape_.out_width(),
          .channels = std::min(group_ * panels_.front().row_length, shape_.channels),
          .rows = shape_.kernel_height * shape_.kernel_width,
          .tile = pixels_};
}

void DepthwiseRows::compute_row(const Job& job, std::int64_t image, std::int64_t row,
                                std::int64_t first_panel, std::int64_t end_panel) const noexcept {
  const ConvShape& s = shape_;
  const std::int64_t top = row * s.stride_height - s.pad_top;
  const Taps inside = taps_inside(top, s.height, s.kernel_height);
  RowArgs piece{.input = job.inputs,
                .offset = 0,
                .row_step = s.width * s.x_step(),
                .column_step = s.x_step(),
                .rows = static_cast<std::int32_t>(inside.end - inside.begin),
                .first_column = 0,
                .end_column = 0,
                .vectors = 1,
                .width = 0,
                .panel = nullptr,
                .bias = nullptr,
                .panel_step = panel_step_,
                .residual = nullptr,
                .output = nullptr,
                .out_step = s.out_step(),
                .low = epilogue_.low,
                .high = epilogue_.high};
  const std::int64_t columns = s.out_width();
  std::int64_t first = 0;
  // As few pieces as can be, of sizes as equal as can be.
  for (std::int64_t pieces = ceil_div(columns, pixels_); pieces > 0; --pieces) {
    const std::int64_t count = ceil_div(columns - first, pieces);
    const std::int64_t left = first * s.stride_width - s.pad_left;
    piece.first_column = static_cast<std::int32_t>(std::max(-left, std::int64_t{0}));
    piece.end_column = static_cast<std::int32_t>(s.width - left);
    const std::int64_t input =
        ((image * s.height + top + inside.begin) * s.width + left) * s.x_step();
    const std::int64_t output = ((image * s.out_height() + row) * columns + first) * s.out_step();
    for (std::int64_t p = first_panel; p < end_panel; p += piece.vectors) {
      const Panel& panel = panels_[static_cast<std::size_t>(p)];
      const bool part = panel.width != panel.row_length;
      piece.vectors = part ? 1 : static_cast<std::int32_t>(std::min(end_panel, whole_) - p);
      piece.offset = input + panel.first;
      piece.width = panel.width;
      piece.panel =
          weights_.data() + panel.weights + inside.begin * s.kernel_width * panel.row_length;
      piece.bias = weights_.data() + panel.bias;
      piece.output = job.outputs + output + panel.first;
      piece.residual = job.residual == nullptr ? nullptr : job.residual + output + panel.first;
      (part ? column_->part : column_->whole)[count - 1](piece);
      if (epilogue_.function == nullptr) continue;
      for (std::int64_t i = 0; i < count; ++i)
        epilogue_.function(piece.output + i * s.out_step(), piece.vectors * panel.width);
    }
    first += count;
  }
}

void DepthwiseRows::compute_item(const Job& job, std::int64_t item) const noexcept {
  const auto panels = static_cast<std::int64_t>(panels_.size());
  const std::int64_t groups = ceil_div(panels, group_);
  const std::int64_t blocks = ceil_div(shape_.out_height(), rows_);
  const std::int64_t first_panel = item % groups * group_;
  const std::int64_t first_row = item / groups % blocks * rows_;
  const std::int64_t end_row = std::min(first_row + rows_, shape_.out_height());
  for (std::int64_t row = first_row; row < end_row; ++row)
    compute_row(job, item / groups / blocks, row, first_panel,
                std::min(first_panel + group_, panels));
}

void DepthwiseRows::run(const float* inputs, const float* residual, float* outputs) const noexcept {
  const Job job{.inputs = inputs, .residual = residual, .outputs = outputs};
  const std::int64_t items = shape_.batch * ceil_div(shape_.out_height(), rows_) *
                             ceil_div(static_cast<std::int64_t>(panels_.size()), group_);
  const auto threads = static_cast<unsigned>(
      std::clamp<std::int64_t>(macs_ / kMacsPerThread, 1, std::min<std::int64_t>(threads_, items)));
  share_out(threads, items, [&](std::int64_t item) noexcept { compute_item(job, item); });
}

}  // namespace dnnaccel::kernels
