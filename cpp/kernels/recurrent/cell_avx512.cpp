#include "kernels/recurrent/cell_body.hpp"

namespace dnnaccel::kernels {

// 32 registers of 16 values: 24 hold sums where there are many rows. With few, at least 6 sums are
// under way at once, because each multiply-add waits for the one before it.
const CellKernels kAvx512Cells = {
    16,
    {{cell_column<Cell::rnn, 16, 4, 6>(), cell_column<Cell::rnn, 16, 2, 12>()},
     {cell_column<Cell::lstm, 16, 2, 2>(), cell_column<Cell::lstm, 16, 1, 6>()},
     {cell_column<Cell::gru, 16, 2, 3>(), cell_column<Cell::gru, 16, 1, 8>()}}};

}  // namespace dnnaccel::kernels
