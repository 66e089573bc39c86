#include "kernels/attention/shape.hpp"

#include <algorithm>
#include <array>
#include <stdexcept>
#include <string>
#include <utility>

namespace dnnaccel::kernels {

namespace {

constexpr std::array kMasks = {std::pair{"none", Mask::none}, std::pair{"additive", Mask::shared},
                               std::pair{"batch", Mask::batch}, std::pair{"keys", Mask::keys}};
constexpr std::int64_t kMostValues = std::int64_t{1} << 40;

void check(const char* name, const Shape& shape, std::int64_t heads) {
  std::int64_t values = 1;
  bool fits = shape.size() == 3;
  for (const std::int64_t axis : shape)
    fits = fits && axis >= 0 && axis <= kMostValues &&
           (axis == 0 || !__builtin_mul_overflow(values, axis, &values)) && values <= kMostValues;
  if (!fits)
    throw std::invalid_argument(std::string("attention: the ") + name +
                                " need three axes: batch, tokens, heads * values of a head");
  if (shape[2] % heads != 0)
    throw std::invalid_argument(std::string("attention: the ") + name + " have " +
                                std::to_string(shape[2]) + " values, which " +
                                std::to_string(heads) + " heads cannot share");
}

}  // namespace

Shape AttentionShape::mask_shape() const {
  if (mask == Mask::shared) return {queries, keys};
  if (mask == Mask::batch) return {batch, queries, keys};
  return {batch, keys};
}

AttentionShape attention_shape(const Shape& queries, const Shape& keys, const Shape& values,
                               std::int64_t heads, std::string_view mask) {
  if (heads < 1)
    throw std::invalid_argument("attention: at least one head, not " + std::to_string(heads));
  check("queries", queries, heads);
  check("keys", keys, heads);
  check("values", values, heads);
  if (queries[2] != keys[2])
    throw std::invalid_argument("attention: queries and keys need vectors of one length, not " +
                                std::to_string(queries[2]) + " and " + std::to_string(keys[2]));
  if (keys[1] != values[1])
    throw std::invalid_argument("attention: as many values as keys are needed, not " +
                                std::to_string(values[1]) + " and " + std::to_string(keys[1]));
  if (queries[0] != keys[0] || queries[0] != values[0])
    throw std::invalid_argument("attention: queries, keys and values need one batch, not " +
                                std::to_string(queries[0]) + ", " + std::to_string(keys[0]) +
                                " and " + std::to_string(values[0]));
  const auto named = std::find_if(kMasks.begin(), kMasks.end(),
                                  [&](const auto& entry) { return mask == entry.first; });
  if (named == kMasks.end())
    throw std::invalid_argument("attention: no mask '" + std::string(mask) +
                                "'; valid: none, additive, batch, keys");
  const AttentionShape shape{.batch = queries[0],
                             .queries = queries[1],
                             .keys = keys[1],
                             .heads = heads,
                             .head = queries[2] / heads,
                             .value_head = values[2] / heads,
                             .mask = named->second};
  std::int64_t scores = 1;
  for (const std::int64_t factor :
       {shape.batch, shape.heads, shape.queries, shape.keys, shape.head + shape.value_head}) {
    if (factor != 0 && __builtin_mul_overflow(scores, factor, &scores))
      throw std::invalid_argument("attention: more multiplications than can be counted");
  }
  return shape;
}

}  // namespace dnnaccel::kernels
