#pragma once

#include <cstdint>
#include <optional>
#include <span>

#include "problem/problem.hpp"

namespace dnnaccel::sparsity {

/// Where a tensor is not zero: a byte per word in the order of its axes, the last one fastest.
using Mask = std::span<const std::uint8_t>;

/// Number of MACs whose operands are not zero; an operand without a mask is not looked at. Padding
/// is zero, so a MAC on it counts only while the mask of its operand is not given.
///
/// A MAC belongs to one point of the dims that both operands share (of a convolution: group,
/// channel, filter row and column), one of those that only the inputs have (batch, output row and
/// column) and one of those that only the weights have (output channel). At a shared point every
/// input meets every weight, so
///
///   effectual MACs = sum over shared points of inputs(point) x weights(point),
///
/// where each factor counts words that are not zero, over the dims that its tensor has alone.
/// A tensor's counts are found axis by axis: a row of the last axis is summed as a whole over the
/// coordinates that the axis before it takes, and only then along itself.
///
/// Throws std::invalid_argument for a mask of another size than its tensor, or more than 2^26
/// shared points, or 2^20 on one window axis.
std::uint64_t effectual_macs(const problem::Problem& problem, std::optional<Mask> inputs,
                             std::optional<Mask> weights);

}  // namespace dnnaccel::sparsity
