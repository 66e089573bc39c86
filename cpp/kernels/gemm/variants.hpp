#pragma once

#include "kernels/tile.hpp"

// One for each instruction set, each in a file compiled for it; kernels/variants.cpp has the table.
namespace dnnaccel::kernels {

extern const TileSet kPortableTiles;
extern const TileSet kAvx2Tiles;
extern const TileSet kAvx512Tiles;
extern const TileSet kNeonTiles;

}  // namespace dnnaccel::kernels
