#include "kernels/conv/windows.hpp"

#include <algorithm>
#include <limits>
#include <utility>

namespace dnnaccel::kernels {

namespace {

/// Pixels of several images are put together until there are this many: enough to fill tiles.
constexpr std::int64_t kEnoughPixels = 4096;

/// Output rows (or columns) whose windows have the taps begin ... end - 1 inside the image.
struct Band {
  std::int64_t begin;
  std::int64_t end;
  std::vector<std::int64_t> positions;
};

/// One direction of the image.
struct Side {
  std::int64_t size, outputs, kernel, stride, pad, dilation;
};

std::vector<Band> make_bands(const Side& side) {
  std::vector<Band> bands;
  for (std::int64_t out = 0; out < side.outputs; ++out) {
    const std::int64_t first = out * side.stride - side.pad;
    std::int64_t begin = first >= 0 ? 0 : (-first + side.dilation - 1) / side.dilation;
    std::int64_t end =
        first >= side.size ? 0 : (side.size - first + side.dilation - 1) / side.dilation;
    end = std::min(end, side.kernel);
    if (begin >= end) begin = end = 0;
    auto band = std::find_if(bands.begin(), bands.end(),
                             [&](const Band& b) { return b.begin == begin && b.end == end; });
    if (band == bands.end()) band = bands.insert(band, {.begin = begin, .end = end});
    band->positions.push_back(out);
  }
  return bands;
}

class Maker {
 public:
  Maker(const ConvShape& shape, bool merge, Cut cut) : shape_(shape), merge_(merge), cut_(cut) {
    made_.images = images_together(shape);
  }

  Windows make() {
    const auto rows = make_bands({shape_.height, shape_.out_height(), shape_.kernel_height,
                                  shape_.stride_height, shape_.pad_top, shape_.dilation_height});
    const auto columns = make_bands({shape_.width, shape_.out_width(), shape_.kernel_width,
                                     shape_.stride_width, shape_.pad_left, shape_.dilation_width});
    for (const Band& row : rows) {
      for (const Band& column : columns) add_class(row, column);
    }
    return std::move(made_);
  }

 private:
  void add_class(const Band& rows, const Band& columns) {
    const auto first_run = static_cast<std::int32_t>(made_.runs.size());
    add_runs(rows, columns);
    const auto runs = static_cast<std::int32_t>(made_.runs.size()) - first_run;
    auto first_pixel = static_cast<std::int32_t>(made_.pixels.size());
    add_pixels(rows.positions, columns.positions);
    auto left = static_cast<std::int64_t>(made_.pixels.size()) - first_pixel;
    while (left > 0) {
      if (made_.blocks.empty() || in_block_ >= cut_.block) {
        made_.blocks.push_back({static_cast<std::int32_t>(made_.segments.size()), 0});
        in_block_ = 0;
      }
      const auto taken = static_cast<std::int32_t>(std::min(left, cut_.block - in_block_));
      made_.segments.push_back({first_pixel, taken, first_run, runs});
      ++made_.blocks.back().segments;
      in_block_ += taken;
      first_pixel += taken;
      left -= taken;
    }
  }

  void add_runs(const Band& rows, const Band& columns) {
    const ConvShape& s = shape_;
    const std::int64_t depth = merge_ ? s.group_channels() : 1;
    // Neighbours in the kernel's row are neighbours in memory when nothing lies between them.
    const bool together =
        merge_ && s.dilation_width == 1 && s.groups == 1 && s.x_step() == s.channels;
    for (std::int64_t r = rows.begin; r < rows.end; ++r) {
      std::int64_t step = 1;
      for (std::int64_t c = columns.begin; c < columns.end; c += step) {
        if (together) step = std::clamp(cut_.run / depth, std::int64_t{1}, columns.end - c);
        const std::int64_t input =
            (r * s.dilation_height * s.width + c * s.dilation_width) * s.x_step();
        const std::int64_t row = (r * s.kernel_width + c) * depth;
        for (std::int64_t from = 0; from < step * depth; from += cut_.run) {
          made_.runs.push_back(
              {static_cast<std::int32_t>(input + from), static_cast<std::int32_t>(row + from),
               static_cast<std::int32_t>(std::min(step * depth - from, cut_.run))});
        }
      }
    }
  }

  void add_pixels(const std::vector<std::int64_t>& rows, const std::vector<std::int64_t>& columns) {
    const ConvShape& s = shape_;
    for (std::int64_t image = 0; image < made_.images; ++image) {
      for (const std::int64_t row : rows) {
        for (const std::int64_t column : columns) {
          const std::int64_t y = image * s.height + row * s.stride_height - s.pad_top;
          const std::int64_t x = column * s.stride_width - s.pad_left;
          const std::int64_t out = (image * s.out_height() + row) * s.out_width() + column;
          made_.pixels.push_back({static_cast<std::int32_t>((y * s.width + x) * s.x_step()),
                                  static_cast<std::int32_t>(out * s.out_step())});
        }
      }
    }
  }

  const ConvShape& shape_;
  bool merge_;
  Cut cut_;
  Windows made_;
  std::int64_t in_block_ = 0;
};

}  // namespace

std::int64_t images_together(const ConvShape& shape) {
  const std::int64_t pixels = shape.out_height() * shape.out_width();
  const std::int64_t height = shape.height + shape.pad_top + shape.pad_bottom;
  const std::int64_t width = shape.width + shape.pad_left + shape.pad_right;
  const std::int64_t values = std::max(height * width * shape.x_step(), pixels * shape.out_step());
  // Offsets are 32 bits wide, and a window may begin outside its image.
  const std::int64_t fitting = std::numeric_limits<std::int32_t>::max() / values - 1;
  std::int64_t images = std::clamp(kEnoughPixels / pixels, std::int64_t{1},
                                   std::max(std::min(fitting, shape.batch), std::int64_t{1}));
  while (shape.batch % images != 0) --images;
  return images;
}

Windows make_windows(const ConvShape& shape, bool merge, Cut cut) {
  return Maker(shape, merge, cut).make();
}

}  // namespace dnnaccel::kernels
