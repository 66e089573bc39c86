#pragma once

#include <cstdint>
#include <vector>

namespace dnnaccel::kernels {

/// 3 by 3 weights [output channel][channel][row][column] in Winograd's domain, G g G' of each in
/// double precision: [value k][output channel][channel].
std::vector<float> transform_weights(const float* weights, std::int64_t outputs,
                                     std::int64_t channels);

}  // namespace dnnaccel::kernels
