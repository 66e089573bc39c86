#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "kernels/checks.hpp"
#include "kernels/operator.hpp"

// Operators that compute each value from those at the same place of their inputs.
namespace dnnaccel::kernels {

/// Tensors of one shape, of which each may be a slice of the channels of a wider one.
struct ElementwiseShape {
  Shape shape;
  std::int64_t x_pitch = 0;  // of all inputs; 0: dense
  std::int64_t out_pitch = 0;
};

/// A range that outputs are clamped to.
struct Clamp {
  float low = -__builtin_inff();
  float high = __builtin_inff();
};

/// "clamp", "sigmoid", "tanh", "gelu", "gelu_tanh", or "scale" by `factor`; clamped after it.
std::unique_ptr<Operator> make_unary(const std::string& function, const ElementwiseShape& shape,
                                     Clamp clamp, float factor, const RunOptions& options);

/// The sum ("add") or product ("multiply") of `count` inputs, clamped.
std::unique_ptr<Operator> make_combination(const std::string& operation,
                                           const ElementwiseShape& shape, std::int64_t count,
                                           Clamp clamp, const RunOptions& options);

/// x * scale + shift, clamped, with one scale and shift for each channel of the last axis.
std::unique_ptr<Operator> make_affine(const ElementwiseShape& shape, std::vector<float> scale,
                                      std::vector<float> shift, Clamp clamp,
                                      const RunOptions& options);

/// x + table, where the table has a value for each of a sample's: `shape` without its first axis.
std::unique_ptr<Operator> make_add_table(const Shape& shape, std::vector<float> table,
                                         const RunOptions& options);

}  // namespace dnnaccel::kernels
