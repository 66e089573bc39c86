#pragma once

#include <cstdint>
#include <vector>

namespace dnnaccel::mapping {

/// How many instances of a spatial slot with room for `room` a dim of `positions` may be spread
/// over, ascending: every divisor of the positions, and what fills the room, or an equal part of
/// it, in as few passes as that takes, shared evenly over the passes (55 positions on 14 columns:
/// 14, in 4 passes; on half of them: 7, in 8).
std::vector<std::int64_t> spatial_factors(std::int64_t positions, std::int64_t room);

}  // namespace dnnaccel::mapping
