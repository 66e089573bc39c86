#pragma once

#include <cstdint>

// The contract of every kernel that computes a tile of outputs: a few pixels by a few vectors of
// channels. Nothing here needs the standard library, because files compiled for one instruction set
// include it.
namespace dnnaccel::kernels {

/// Where a pixel's window begins in the input and where its channels go in the output, counted in
/// values. A window that begins in the padding begins before the image; runs lead back into it.
struct Pixel {
  std::int32_t input;
  std::int32_t output;
};

/// A stretch of values that are contiguous in the input of every pixel of a tile, and whose weights
/// are contiguous rows of a panel. Taps in the padding are in no run: they are not multiplied.
struct Run {
  std::int32_t input;   // from the pixel's window
  std::int32_t row;     // of the panel
  std::int32_t length;  // values, and rows
};

/// One tile. `panel` is rows of `width` channels filled up to whole vectors; `bias` is one such
/// row. With x(i, k) the k-th value of the runs of pixel i (or, for kernels that work channel by
/// channel, the values of channel c there), w(k, c) a row of the panel, and r a residual:
///
///     y(i, c) = clamp(bias(c) + sum over k in order of x(i, k) * w(k, c) + r(i, c), low, high)
///
/// The sum of one output is one chain in the order of the runs, whatever the tile: the same bits
/// for every way of cutting the outputs into tiles. A NaN stays one through the clamp.
struct TileArgs {
  const float* input;
  const float* panel;
  const float* bias;      // or null, where `width` fills its vectors
  const float* residual;  // laid out as the output, or null
  float* output;
  const Pixel* pixels;  // as many as the kernel has rows
  const Run* runs;
  std::int32_t run_count;
  std::int32_t width;  // channels to store
  float low;
  float high;
  // Memory that will be wanted soon: `streaming` kernels fetch the line at `ahead` with the first
  // value of the runs, and one `ahead_step` bytes further with each one more.
  const float* ahead;
  std::int64_t ahead_step;
};

using Tile = void (*)(const TileArgs&) noexcept;

/// A function of each of `count` values, in their place.
using RowFunction = void (*)(float* values, std::int32_t count) noexcept;

/// The kernels of one number of vectors: `tiles[r - 1]` computes r pixels.
struct TileColumn {
  const Tile* tiles;
  int rows;
};

inline constexpr int kMaxVectors = 4;
inline constexpr int kMaxLevels = 4;
inline constexpr int kMaxGroups = 3;

/// Kernels of vectors of one length.
struct TileLevel {
  int lanes;                        // fp32 values in a vector
  TileColumn columns[kMaxVectors];  // by vectors - 1; rows = 0 where there is none
};

/// Kernels for groups of so many channels that give as many outputs.
struct GroupLevels {
  int group;  // 0: none
  TileLevel levels[kMaxLevels];
};

/// All tile kernels of one instruction set.
struct TileSet {
  /// x(i, k) is one value, multiplied with every channel: products of matrices.
  TileLevel dense;
  /// The same for weights that come from memory; with fewer vectors than these have, loads set the
  /// pace already.
  TileLevel streaming;
  /// x(i, k) is a value of each channel: depthwise. Every channel that they read is one to be
  /// stored, so channels that do not fill a vector need shorter ones: the longest first, of one
  /// lane the last (the rest has 0 lanes).
  TileLevel depthwise[kMaxLevels];
  /// x(i, k) is, for each channel, one of its group's values: several small groups in a vector.
  /// They too read nothing but channels to be stored; the longest first.
  GroupLevels grouped[kMaxGroups];
  /// What may become of outputs when a block of them is done.
  RowFunction sigmoid;
  RowFunction tanh;
};

}  // namespace dnnaccel::kernels
