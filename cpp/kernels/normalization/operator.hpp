#pragma once

#include <cstdint>
#include <memory>
#include <vector>

#include "kernels/checks.hpp"
#include "kernels/operator.hpp"

// Operators that normalise vectors of values.
namespace dnnaccel::kernels {

/// scale * (x - mean) / sqrt(variance + epsilon) + shift along the last axis; with `residual`, of
/// the sum of two inputs.
std::unique_ptr<Operator> make_layer_norm(const Shape& shape, std::vector<float> scale,
                                          std::vector<float> shift, float epsilon, bool residual,
                                          const RunOptions& options);

/// exp(x) / sum(exp(x)) along an axis.
std::unique_ptr<Operator> make_softmax(const Shape& shape, std::int64_t axis,
                                       const RunOptions& options);

/// Of local response normalisation: over `size` neighbours along the last axis, of which size / 2
/// come before.
struct LrnParameters {
  std::int64_t size = 5;
  float alpha = 1e-4F;
  float beta = 0.75F;
  float k = 1;
};

/// x / (k + alpha / size * (sum of the neighbours' squares))^beta
std::unique_ptr<Operator> make_lrn(const Shape& shape, const LrnParameters& parameters,
                                   const RunOptions& options);

}  // namespace dnnaccel::kernels
