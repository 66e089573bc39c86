#include "kernels/matmul/panels.hpp"

#include <algorithm>

namespace dnnaccel::kernels {

namespace {

constexpr int kMostLanes = 16;
alignas(64) constexpr float kZeros[kMaxVectors * kMostLanes] = {};

}  // namespace

ColumnPanels::ColumnPanels(const KernelSet& kernels, std::int64_t columns)
    : kernels_(kernels.matmul), columns_(columns) {
  add_panels(panels_, kernels.tiles->dense, 0, columns, /*fill=*/true);
  if (!panels_.empty()) filled_ = panels_.back().first + panels_.back().row_length;
}

void ColumnPanels::pack(const Panel& panel, const Source& from, std::int64_t first,
                        std::int64_t depth, std::int64_t columns, float factor,
                        float* to) const noexcept {
  const std::int64_t row_step = from.transposed ? 1 : from.pitch;
  const std::int64_t column_step = from.transposed ? from.pitch : 1;
  const PackArgs args{.from = from.values + first * row_step + panel.first * column_step,
                      .pitch = from.pitch,
                      .panel = to,
                      .depth = depth,
                      .width = static_cast<std::int32_t>(
                          std::min<std::int64_t>(panel.width, columns - panel.first)),
                      .row_length = panel.row_length,
                      .factor = factor};
  (from.transposed ? kernels_->pack_columns : kernels_->pack_rows)(args);
}

const float* zero_row() noexcept { return kZeros; }

std::vector<Pixel> row_pixels(std::int64_t rows, std::int64_t input, std::int64_t output) {
  std::vector<Pixel> pixels;
  for (std::int64_t row = 0; row < rows; ++row)
    pixels.push_back({.input = static_cast<std::int32_t>(row * input),
                      .output = static_cast<std::int32_t>(row * output)});
  return pixels;
}

}  // namespace dnnaccel::kernels
