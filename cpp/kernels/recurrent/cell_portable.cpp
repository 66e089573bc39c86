#include "kernels/recurrent/cell_body.hpp"

namespace dnnaccel::kernels {

// Vectors of 4, which every 64-bit processor has or the compiler takes apart.
const CellKernels kPortableCells = {
    4,
    {{cell_column<Cell::rnn, 4, 8, 1>(), cell_column<Cell::rnn, 4, 2, 4>()},
     {cell_column<Cell::lstm, 4, 2, 1>(), cell_column<Cell::lstm, 4, 1, 2>()},
     {cell_column<Cell::gru, 4, 2, 1>(), cell_column<Cell::gru, 4, 1, 3>()}}};

}  // namespace dnnaccel::kernels
