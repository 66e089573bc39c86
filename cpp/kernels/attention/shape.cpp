#include "kernels/attention/shape.hpp"

#include <algorithm>
#include <array>
#include <string>
#include <utility>

#include "kernels/checks.hpp"

namespace dnnaccel::kernels {

namespace {

constexpr std::array kMasks = {std::pair{"none", Mask::none}, std::pair{"additive", Mask::shared},
                               std::pair{"batch", Mask::batch}, std::pair{"keys", Mask::keys}};
constexpr const char* kWho = "attention";

void check(const std::string& name, const Shape& shape, std::int64_t heads) {
  check_shape(kWho, shape);
  if (shape.size() != 3)
    refuse(kWho, "the " + name +
                     " must have three axes, batch, tokens, heads * values of a head, not " +
                     text(shape));
  if (shape[2] % heads != 0)
    refuse(kWho, "the " + name + " have " + std::to_string(shape[2]) + " values, which " +
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
  check_range(kWho, "heads", heads, 1);
  check("queries", queries, heads);
  check("keys", keys, heads);
  check("values", values, heads);
  if (queries[2] != keys[2])
    refuse(kWho, "queries and keys need vectors of one length, not " + std::to_string(queries[2]) +
                     " and " + std::to_string(keys[2]));
  if (keys[1] != values[1])
    refuse(kWho, "as many values as keys are needed, not " + std::to_string(values[1]) + " and " +
                     std::to_string(keys[1]));
  if (queries[0] != keys[0] || queries[0] != values[0])
    refuse(kWho, "queries, keys and values need one batch, not " + std::to_string(queries[0]) +
                     ", " + std::to_string(keys[0]) + " and " + std::to_string(values[0]));
  const auto named = std::find_if(kMasks.begin(), kMasks.end(),
                                  [&](const auto& entry) { return mask == entry.first; });
  if (named == kMasks.end())
    refuse(kWho, "no mask '" + std::string(mask) + "'; valid: none, additive, batch, keys");
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
      refuse(kWho, "more multiplications than can be counted");
  }
  return shape;
}

}  // namespace dnnaccel::kernels
