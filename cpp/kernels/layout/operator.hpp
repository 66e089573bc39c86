#pragma once

#include <cstdint>
#include <memory>
#include <vector>

#include "kernels/checks.hpp"
#include "kernels/operator.hpp"

// Operators that only move values.
namespace dnnaccel::kernels {

/// Tensors one after the other along an axis.
std::unique_ptr<Operator> make_concat(const std::vector<Shape>& shapes, std::int64_t axis,
                                      const RunOptions& options);

/// Axis i of the output is axis `axes[i]` of the input.
std::unique_ptr<Operator> make_permute(const Shape& shape, const std::vector<std::int64_t>& axes,
                                       const RunOptions& options);

/// Values `start` ... `stop` - 1 along an axis.
std::unique_ptr<Operator> make_slice(const Shape& shape, std::int64_t axis, std::int64_t start,
                                     std::int64_t stop, const RunOptions& options);

/// Zeros around NHWC images.
struct Border {
  std::int64_t top = 0;
  std::int64_t bottom = 0;
  std::int64_t left = 0;
  std::int64_t right = 0;
};
std::unique_ptr<Operator> make_pad(const Shape& shape, const Border& border,
                                   const RunOptions& options);

/// The last axis, read as (groups, size / groups), becomes (size / groups, groups).
std::unique_ptr<Operator> make_shuffle(const Shape& shape, std::int64_t groups,
                                       const RunOptions& options);

/// A vector before each sequence of vectors: (N, L, F) to (N, L + 1, F).
std::unique_ptr<Operator> make_prepend(const Shape& shape, std::vector<float> vector,
                                       const RunOptions& options);

/// Rows of a table of `features` columns, as int32 tokens say: a token that is no row's number
/// gives NaN.
std::unique_ptr<Operator> make_embedding(const Shape& tokens, std::vector<float> table,
                                         std::int64_t features, const RunOptions& options);

}  // namespace dnnaccel::kernels
