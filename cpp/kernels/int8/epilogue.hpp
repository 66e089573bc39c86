#pragma once

#include <optional>

#include "kernels/int8/tile.hpp"
#include "kernels/operator.hpp"

// What 8-bit values stand for, and what becomes of sums of them.
namespace dnnaccel::kernels {

/// A value stands for scale * (q - zero).
struct Quantisation {
  Element element = Element::uint8;  // or int8
  std::int32_t zero = 0;
};

/// What is done with sums: kernels/int8/tile.hpp says how.
struct Int8Epilogue {
  Element element = Element::uint8;  // of the outputs: uint8, int8, int32 or float32
  std::int32_t zero = 0;             // of uint8 and int8
  float low = -__builtin_inff();     // outputs are clamped to low ... high: 8-bit ones as they are
  float high = __builtin_inff();     // stored, others in real numbers
  std::optional<Quantisation> residual = {};
  float residual_multiplier = 1.0F;
};

struct Int8Range {
  std::int32_t low, high;
};

// All that follow throw std::invalid_argument, with `who` before the reason.

/// What the type can hold; refuses a zero point that it cannot.
Int8Range int8_range(const char* who, const char* what, Quantisation quantisation);

/// Refuses what is not a number above 0.
void check_multiplier(const char* who, const char* what, float multiplier);

/// The tile's fields that say what is done with the sums.
Int8Tile make_epilogue(const char* who, const Int8Epilogue& epilogue);

/// What turns values into u8 when the upper bit is flipped by it, and their zero point then.
inline std::uint8_t flip_of(Quantisation q) { return q.element == Element::int8 ? 0x80 : 0; }
inline std::int32_t unsigned_zero(Quantisation q) {
  return q.zero + (q.element == Element::int8 ? 128 : 0);
}

}  // namespace dnnaccel::kernels
