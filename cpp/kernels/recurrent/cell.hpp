#pragma once

#include <cstdint>

// The contract of the kernels that take a few hidden units of a recurrent layer one step further.
// Nothing here needs the standard library, because files compiled for one instruction set include
// it.
namespace dnnaccel::kernels {

enum class Cell : std::uint8_t { rnn, lstm, gru };

inline constexpr int kCells = 3;
inline constexpr int kMaxGates = 4;

constexpr int gates_of(Cell cell) {
  constexpr int kGates[] = {1, 4, 3};
  return kGates[static_cast<int>(cell)];
}

/// One step of one panel of hidden units, for a few sequences (rows). A panel has `vectors` vectors
/// of units, the last panel filled up; of each vector, all gates stand together, in the order of
/// PyTorch: [vectors][gates][lanes]. With s(g) the gate's product with the inputs and the biases,
/// and p(g) = sum over k in order of weights(k, g) * hidden(k):
///
///     rnn   h = tanh(s + p)
///     lstm  i, f, o = sigmoid(s + p), g = tanh(s + p); c = f * c + i * g; h = o * tanh(c)
///     gru   r, z = sigmoid(s + p); n = tanh(s + r * (bias + p)); h = (1 - z) * n + z * h
///
/// The sum of a unit's gate is one chain that begins with s (of the gru's last gate, with the
/// bias), whatever the panel and the rows: the same bits for every way of cutting the work.
struct CellArgs {
  const float* weights;  // a panel's: [depth][vectors][gates][lanes]
  const float* bias;     // of the gru's last gate: [vectors][lanes]
  const float* inputs;   // s: of each row [vectors][gates][lanes]
  const float* hidden;   // the step before, of each row all units; null: zeros, not multiplied
  float* cell;           // of the lstm: of each row [vectors][lanes]
  float* output;         // of each row all units
  std::int64_t input_step;
  std::int64_t hidden_step;
  std::int64_t output_step;
  std::int32_t depth;  // hidden units
  std::int32_t first;  // unit of the panel
  std::int32_t width;  // units to store
};

using CellStep = void (*)(const CellArgs&) noexcept;

/// The kernels of one width of panel: `steps[r - 1]` computes r rows.
struct CellColumn {
  const CellStep* steps;
  int rows;
  int vectors;
};

/// All of one instruction set: for each cell, wide panels for few rows, then narrow ones for many.
struct CellKernels {
  int lanes;
  CellColumn columns[kCells][2];
};

extern const CellKernels kPortableCells;
extern const CellKernels kAvx2Cells;
extern const CellKernels kAvx512Cells;
extern const CellKernels kNeonCells;

}  // namespace dnnaccel::kernels
