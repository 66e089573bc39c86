#include "kernels/gemm/tile_body.hpp"
#include "kernels/gemm/variants.hpp"

namespace dnnaccel::kernels {

// 32 registers of 16 values: of a tile of 6 pixels by 4 vectors, 24 hold sums, 4 a row of weights
// and one an input. With 7 pixels every input is loaded once for each vector, and the loads, not
// the multiplications, set the pace where those are 512 bits wide. Of fewer vectors 8 pixels are
// enough to keep the multipliers busy, and more have more addresses than there are registers.
const TileSet kAvx512Tiles = {
    dense_level<16, Rows{8, 8, 8, 6}>(),
    streaming_level<16, Rows{0, 0, 8, 6}>(),
    {lane_level<16, Rows{14, 12, 8, 6}>(), lane_level<8, Rows{14, 0, 0, 0}>(),
     lane_level<4, Rows{14, 0, 0, 0}>(), lane_level<1, Rows{14, 12, 8, 0}>()},
    {{2, {group_level<2, 16, Rows{12, 0, 0, 0}>(), group_level<2, 4, Rows{8, 0, 0, 0}>()}},
     {4, {group_level<4, 16, Rows{12, 0, 0, 0}>(), group_level<4, 4, Rows{8, 0, 0, 0}>()}},
     {8, {group_level<8, 16, Rows{12, 0, 0, 0}>(), group_level<8, 8, Rows{12, 0, 0, 0}>()}}},
    kSigmoid<16>,
    kTanh<16>};

}  // namespace dnnaccel::kernels
