#include "kernels/recurrent/cell_body.hpp"

namespace dnnaccel::kernels {

// 32 registers of 4 values: 24 hold sums where there are many rows.
const CellKernels kNeonCells = {
    4,
    {{cell_column<Cell::rnn, 4, 8, 2>(), cell_column<Cell::rnn, 4, 4, 6>()},
     {cell_column<Cell::lstm, 4, 2, 2>(), cell_column<Cell::lstm, 4, 1, 6>()},
     {cell_column<Cell::gru, 4, 2, 3>(), cell_column<Cell::gru, 4, 1, 8>()}}};

}  // namespace dnnaccel::kernels
