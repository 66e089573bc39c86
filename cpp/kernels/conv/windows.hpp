#pragma once

#include <cstdint>
#include <vector>

#include "kernels/conv/shape.hpp"
#include "kernels/tile.hpp"

// Where the outputs of a convolution find their inputs.
namespace dnnaccel::kernels {

/// Output pixels whose windows have the same taps inside the image, and so the same runs: ranges in
/// `Windows::pixels` and `Windows::runs`.
struct Segment {
  std::int32_t first_pixel;
  std::int32_t pixels;
  std::int32_t first_run;
  std::int32_t runs;
};

/// Segments that are computed together, for one panel of weights after the other: a range in
/// `Windows::segments`.
struct Block {
  std::int32_t first_segment;
  std::int32_t segments;
};

struct Windows {
  std::int64_t images;  // that the pixels are of; divides the batch
  std::vector<Pixel> pixels;
  std::vector<Run> runs;
  std::vector<Segment> segments;
  std::vector<Block> blocks;
};

/// How to cut the work: at most so many pixels in a block, and so many values in a run.
struct Cut {
  std::int64_t block;
  std::int64_t run;
};

/// How many images' pixels are put together: enough to fill tiles. Divides the batch.
std::int64_t images_together(const ConvShape& shape);

/// The windows of a shape that check() accepts and whose batch is not empty. With `merge`, taps
/// whose inputs are contiguous are one run of values; without, each tap is a run of length 1, for
/// kernels that work channel by channel.
Windows make_windows(const ConvShape& shape, bool merge, Cut cut);

}  // namespace dnnaccel::kernels
