#include "kernels/gemm/tile_body.hpp"
#include "kernels/gemm/variants.hpp"

namespace dnnaccel::kernels {

// 16 registers of 8 values: of a tile of 4 pixels by 3 vectors, 12 hold sums, 3 a row of weights
// and one an input. With 6 pixels by 2 vectors the compiler runs out of them.
const TileSet kAvx2Tiles = {
    dense_level<8, Rows{8, 5, 4, 0}>(),
    streaming_level<8, Rows{0, 0, 4, 0}>(),
    {lane_level<8, Rows{8, 5, 4, 0}>(), lane_level<4, Rows{8, 0, 0, 0}>(),
     lane_level<1, Rows{8, 5, 4, 0}>()},
    {{2, {group_level<2, 8, Rows{8, 0, 0, 0}>(), group_level<2, 4, Rows{8, 0, 0, 0}>()}},
     {4, {group_level<4, 8, Rows{8, 0, 0, 0}>(), group_level<4, 4, Rows{8, 0, 0, 0}>()}},
     {8, {group_level<8, 8, Rows{8, 0, 0, 0}>()}}},
    kSigmoid<8>,
    kTanh<8>};

}  // namespace dnnaccel::kernels
