#pragma once

#include <string_view>

#include "kernels/tile.hpp"

namespace dnnaccel::kernels {

/// What becomes of outputs: null for "", else what "sigmoid" or "tanh" names. Throws
/// std::invalid_argument for another name.
RowFunction find_activation(const TileSet& tiles, std::string_view asked);

}  // namespace dnnaccel::kernels
