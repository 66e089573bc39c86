#pragma once

#include <cstdint>

#include "kernels/int8/tile.hpp"

// The contract of the kernels of 8-bit values that have no weights, and the tables of them: one for
// each instruction set, each in a file compiled for it. Rounding is as kernels/int8/tile.hpp says,
// and no product and sum are fused.
namespace dnnaccel::kernels {

/// One operand: values that, with `flip` (0x80 of s8, 0 of u8), become u8 with that zero point.
struct Int8Operand {
  const std::uint8_t* values;
  std::uint8_t flip;
  std::int32_t zero;
  float multiplier;
};

/// v = float(q - zero) * multiplier of the first operand, plus that of each other one in order;
/// y = zero + round(clamp(v, low, high)), or clamp(v, low, high) as float32.
struct Int8Combine {
  const Int8Operand* operands;
  int count;  // at least 1
  void* output;
  std::int64_t length;
  bool floats;
  std::int32_t zero;
  float low;
  float high;
};

/// y = zero + round(clamp(x * factor, low, high)); of NaN, the zero point.
struct Int8Quantize {
  const float* input;
  std::uint8_t* output;
  std::int64_t length;
  float factor;
  std::int32_t zero;
  float low;
  float high;
};

/// A row of windows of one NHWC image, all of the same rows of it. Windows are clipped at its left
/// and right.
struct Int8PoolRow {
  const std::uint8_t* input;  // the first of the rows that the windows see, at column 0
  std::uint8_t* output;       // the first window's
  std::int64_t rows;          // that the windows see: at least 1
  std::int64_t columns;
  std::int64_t channels;
  std::int64_t row_step;  // between the image's rows
  std::int64_t x_pitch;   // between its pixels
  std::int64_t out_pitch;
  std::int64_t windows;
  std::int64_t window;  // columns
  std::int64_t stride;
  std::int64_t left;          // columns of padding
  std::int64_t padded_width;  // with the padding on both sides
  std::int64_t divisor_rows;  // average: by so many rows times the columns
  bool count_padding;         // in these columns
  std::uint8_t flip;
  std::int32_t zero;   // of the inputs as u8
  float multiplier;    // average
  std::int32_t added;  // average: the zero point of the outputs
  float low;
  float high;
};

struct Int8Values {
  void (*combine)(const Int8Combine&) noexcept;
  void (*quantize)(const Int8Quantize&) noexcept;
  /// The largest of each window.
  void (*max)(const Int8PoolRow&) noexcept;
  /// added + round(clamp(float(sum of q - zero) * (multiplier / float(divisor)), low, high))
  void (*average)(const Int8PoolRow&) noexcept;
};

extern const Int8Values kPortableInt8Values;
extern const Int8Values kAvx2Int8Values;
extern const Int8Values kAvx512Int8Values;
extern const Int8Values kNeonInt8Values;

}  // namespace dnnaccel::kernels
