#pragma once

#include <cstdint>

#include "kernels/tile.hpp"

// The contract of the kernels of 8-bit integers, as kernels/tile.hpp has it for float32. Nothing
// here needs the standard library.
namespace dnnaccel::kernels {

/// What a tile writes.
enum class Int8Output : std::uint8_t { bytes, int32, float32 };

/// One tile. Inputs are bytes, multiplied as the kernels' set says: as u8, or as s8. The weights of
/// a run are quads: for four values of the run after one another, [channel of the panel][value]. A
/// run's last quad, if its length is no multiple of four, is of its last four values, with weights
/// of 0 for those that an earlier quad has; of a run shorter than four, of its values and zeros.
/// `Run::row` counts quads. Kernels that work channel by channel have [tap][channel] int32 instead.
///
/// With x(i, k) and w(k, c) as there, all in integers:
///
///     sum(i, c) = start(c) + sum over k of x(i, k) * w(k, c)
///     v(i, c) = float(sum) * multiplier(c) + float(r(i, c) - residual_zero) * residual_multiplier
///     bytes:    y = zero + round(clamp(v, low, high)), halves to even
///     float32:  y = clamp(v, low, high)
///     int32:    y = sum
///
/// Every product and sum of floats is rounded to float32: none is fused, so that every instruction
/// set gives the same bits.
struct Int8Tile {
  const std::uint8_t* input;
  const std::int8_t* panel;
  const std::int32_t* start;  // whole vectors, as `multiplier`
  const float* multiplier;
  const std::uint8_t* residual;  // laid out as the output, or null
  void* output;
  const Pixel* pixels;
  const Run* runs;
  std::int32_t run_count;
  std::int32_t width;          // channels to store
  std::uint8_t residual_flip;  // what turns a residual into u8: 0x80 of s8
  Int8Output kind;
  std::int32_t residual_zero;  // of the residual as u8
  float residual_multiplier;
  std::int32_t zero;
  float low;
  float high;
};

using Int8Kernel = void (*)(const Int8Tile&) noexcept;

struct Int8Column {
  const Int8Kernel* tiles;  // tiles[r - 1] computes r pixels
  int rows;
};

struct Int8Level {
  int lanes;  // int32 values in a vector
  Int8Column columns[kMaxVectors];
};

/// The kernels for inputs that come as the processor multiplies them, or for the others: then they
/// flip the upper bit, which adds or takes 128.
struct Int8Levels {
  Int8Level dense;
  Int8Level depthwise[kMaxLevels];  // the longest first; as in TileSet
};

struct Int8Set {
  bool signed_inputs;  // what the processor multiplies: s8 with s8, or u8 with s8
  Int8Levels as_they_are;
  Int8Levels flipped;
};

}  // namespace dnnaccel::kernels
