#include "kernels/gemm/tile_body.hpp"
#include "kernels/gemm/variants.hpp"

namespace dnnaccel::kernels {

// Vectors of 4, which every 64-bit processor has or the compiler takes apart.
const TileSet kPortableTiles = {
    dense_level<4, Rows{8, 5, 4, 0}>(),
    streaming_level<4, Rows{0, 0, 4, 0}>(),
    {lane_level<4, Rows{8, 5, 4, 0}>(), lane_level<1, Rows{8, 5, 4, 0}>()},
    {{2, {group_level<2, 4, Rows{8, 0, 0, 0}>()}}, {4, {group_level<4, 4, Rows{8, 0, 0, 0}>()}}},
    kSigmoid<4>,
    kTanh<4>};

}  // namespace dnnaccel::kernels
