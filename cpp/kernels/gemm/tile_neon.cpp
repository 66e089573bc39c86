#include "kernels/gemm/tile_body.hpp"
#include "kernels/gemm/variants.hpp"

namespace dnnaccel::kernels {

// 32 registers of 4 values: of a tile of 6 pixels by 4 vectors, 24 hold sums.
const TileSet kNeonTiles = {
    dense_level<4, Rows{12, 10, 8, 6}>(),
    streaming_level<4, Rows{0, 0, 8, 6}>(),
    {lane_level<4, Rows{12, 10, 8, 6}>(), lane_level<1, Rows{12, 10, 8, 0}>()},
    {{2, {group_level<2, 4, Rows{8, 0, 0, 0}>()}}, {4, {group_level<4, 4, Rows{8, 0, 0, 0}>()}}},
    kSigmoid<4>,
    kTanh<4>};

}  // namespace dnnaccel::kernels
