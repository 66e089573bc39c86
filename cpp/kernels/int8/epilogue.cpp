#include "kernels/int8/epilogue.hpp"

#include <algorithm>
#include <cmath>
#include <limits>
#include <string>

#include "kernels/checks.hpp"

namespace dnnaccel::kernels {

Int8Range int8_range(const char* who, const char* what, Quantisation quantisation) {
  if (size_of(quantisation.element) != 1)
    refuse(who, std::string(what) + " must be of uint8 or int8");
  const Int8Range range =
      quantisation.element == Element::uint8 ? Int8Range{0, 255} : Int8Range{-128, 127};
  check_range(who, (std::string("the zero point of ") + what).c_str(), quantisation.zero, range.low,
              range.high);
  return range;
}

void check_multiplier(const char* who, const char* what, float multiplier) {
  if (!(multiplier > 0.0F) || !std::isfinite(multiplier))
    refuse(who, std::string(what) + " must be a number above 0, not " + std::to_string(multiplier));
}

Int8Tile make_epilogue(const char* who, const Int8Epilogue& epilogue) {
  constexpr float kInfinity = std::numeric_limits<float>::infinity();
  Int8Tile tile{};
  check_clamp(who, epilogue.low, epilogue.high);
  tile.low = epilogue.low;
  tile.high = epilogue.high;
  if (epilogue.element == Element::float32) {
    tile.kind = Int8Output::float32;
  } else if (epilogue.element == Element::int32) {
    tile.kind = Int8Output::int32;
    if (epilogue.residual || epilogue.low != -kInfinity || epilogue.high != kInfinity)
      refuse(who, "int32 outputs are the sums: they take no residual and no clamp");
  } else {
    const Int8Range range = int8_range(who, "the outputs", {epilogue.element, epilogue.zero});
    const float low = std::ceil(std::max(epilogue.low, static_cast<float>(range.low)));
    const float high = std::floor(std::min(epilogue.high, static_cast<float>(range.high)));
    if (low > high)
      refuse(who, "no output is from " + std::to_string(epilogue.low) + " to " +
                      std::to_string(epilogue.high) + ", where it is clamped to");
    const auto zero = static_cast<float>(epilogue.zero);
    tile.kind = Int8Output::bytes;
    tile.zero = epilogue.zero;
    tile.low = low - zero;
    tile.high = high - zero;
  }
  if (epilogue.residual) {
    int8_range(who, "the residual", *epilogue.residual);
    check_multiplier(who, "the residual's multiplier", epilogue.residual_multiplier);
    tile.residual_flip = flip_of(*epilogue.residual);
    tile.residual_zero = unsigned_zero(*epilogue.residual);
    tile.residual_multiplier = epilogue.residual_multiplier;
  }
  return tile;
}

}  // namespace dnnaccel::kernels
