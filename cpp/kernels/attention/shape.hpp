#pragma once

#include <cstdint>
#include <string_view>

#include "kernels/operator.hpp"

// The shapes of attention, checked.
namespace dnnaccel::kernels {

/// What is added to the scores of a query and a key, the same for all heads.
enum class Mask : std::uint8_t {
  none,
  shared,  // [queries, keys]
  batch,   // [batch, queries, keys]
  keys,    // [batch, keys], the same for all queries
};

struct AttentionShape {
  std::int64_t batch = 0;
  std::int64_t queries = 0;
  std::int64_t keys = 0;
  std::int64_t heads = 1;
  std::int64_t head = 0;        // values of a query's or a key's head
  std::int64_t value_head = 0;  // of a value's head
  Mask mask = Mask::none;

  std::int64_t macs() const { return batch * heads * queries * keys * (head + value_head); }
  Shape mask_shape() const;
};

/// Of tensors [batch, tokens, heads * head]. Throws std::invalid_argument for what does not meet.
AttentionShape attention_shape(const Shape& queries, const Shape& keys, const Shape& values,
                               std::int64_t heads, std::string_view mask);

}  // namespace dnnaccel::kernels
