#include "kernels/recurrent/cell_body.hpp"

namespace dnnaccel::kernels {

// 16 registers of 8 values: 12 hold sums where there are many rows.
const CellKernels kAvx2Cells = {
    8,
    {{cell_column<Cell::rnn, 8, 8, 1>(), cell_column<Cell::rnn, 8, 3, 4>()},
     {cell_column<Cell::lstm, 8, 2, 1>(), cell_column<Cell::lstm, 8, 1, 3>()},
     {cell_column<Cell::gru, 8, 2, 1>(), cell_column<Cell::gru, 8, 1, 4>()}}};

}  // namespace dnnaccel::kernels
