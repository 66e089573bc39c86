#pragma once

#include <memory>
#include <string>
#include <vector>

#include "kernels/checks.hpp"
#include "kernels/int8/conv.hpp"
#include "kernels/pooling/operator.hpp"

// Operators of 8-bit values that have no weights. docs/kernels-int8.md has their arithmetic.
namespace dnnaccel::kernels {

/// float32 to uint8 or int8: x * factor, where `factor` is 1 / scale.
std::unique_ptr<Operator> make_quantize(const Shape& input, float factor, Quantisation output,
                                        std::int64_t x_pitch, std::int64_t out_pitch,
                                        const RunOptions& options);

/// One input of make_combine().
struct Int8Input {
  Quantisation quantisation;
  float multiplier;  // its scale, over the outputs' if they are bytes
  std::int64_t pitch = 0;
};

/// The sum of inputs of one shape, as uint8, int8 or float32: of one input its requantisation, or
/// its dequantisation. The clamp is as Int8Epilogue has it.
std::unique_ptr<Operator> make_combine(const Shape& shape, const std::vector<Int8Input>& inputs,
                                       const Int8Epilogue& epilogue, std::int64_t out_pitch,
                                       const RunOptions& options);

/// `kind` is "max", whose outputs stand for what the inputs do, or "average", whose outputs are
/// `output`, and `multiplier` is the inputs' scale over theirs.
std::unique_ptr<Operator> make_pool_int8(const std::string& kind, const PoolShape& shape,
                                         Quantisation input, Quantisation output, float multiplier,
                                         const RunOptions& options);

}  // namespace dnnaccel::kernels
