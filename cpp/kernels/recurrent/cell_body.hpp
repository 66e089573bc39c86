#pragma once

#include "kernels/gemm/products.hpp"
#include "kernels/recurrent/cell.hpp"
#include "kernels/vector_math.hpp"
#include "kernels/vectors.hpp"

// The kernels of kernels/recurrent/cell.hpp: one body for every instruction set, cell, width of
// panel and number of rows. A file that includes it is compiled for one instruction set and calls
// nothing of the standard library.
namespace dnnaccel::kernels {

namespace {

/// What a cell makes of its gates' sums: of one vector of units.
template <Cell kCell, int kLanes>
struct Gates {
  using V = Vectors<kLanes>;
  using M = VectorMath<kLanes>;
  using Floats = typename V::Floats;
  static constexpr int kGates = gates_of(kCell);

  /// `sums` and `inputs` are [gates][lanes]; `before` is h of the step before.
  static inline Floats apply(const float* sums, const float* inputs, Floats before, float* cell) {
    const auto sum = [&](int gate) { return V::load(sums + gate * kLanes); };
    if constexpr (kCell == Cell::rnn) {
      return M::tanh(sum(0));
    } else if constexpr (kCell == Cell::lstm) {
      const Floats kept = M::sigmoid(sum(1)) * V::load(cell);
      const Floats now = kept + M::sigmoid(sum(0)) * M::tanh(sum(2));
      V::store(cell, now);
      return M::sigmoid(sum(3)) * M::tanh(now);
    } else {
      const Floats update = M::sigmoid(sum(1));
      const Floats candidate = M::tanh(V::load(inputs + 2 * kLanes) + M::sigmoid(sum(0)) * sum(2));
      return (1.0F - update) * candidate + update * before;
    }
  }
};

/// The gates of all rows, from their sums. One function for all tiles of a cell, so that the
/// compiler rounds it in one way, and no more code than needed.
template <Cell kCell, int kLanes>
[[gnu::noinline]] void apply_gates(const CellArgs& args, const float* sums, int rows, int vectors) {
  using V = Vectors<kLanes>;
  using Floats = typename V::Floats;
  constexpr int kBlock = gates_of(kCell) * kLanes;
  for (int row = 0; row < rows; ++row) {
    const float* inputs = args.inputs + row * args.input_step;
    float* cell = kCell == Cell::lstm ? args.cell + row * vectors * kLanes : nullptr;
    float* const output = args.output + row * args.output_step + args.first;
    const float* const before =
        args.hidden == nullptr ? nullptr : args.hidden + row * args.hidden_step + args.first;
    for (int v = 0; v < vectors; ++v, sums += kBlock, inputs += kBlock) {
      const std::int32_t at = v * kLanes;
      // The last panel's units need not fill its vectors.
      const std::int32_t left = args.width - at;
      const bool whole = left >= kLanes;
      const auto bytes = static_cast<unsigned long>(left > 0 ? left : 0) * sizeof(float);
      Floats last = {};
      float buffer[kLanes] = {};
      if (kCell == Cell::gru && before != nullptr) {
        if (!whole) __builtin_memcpy(buffer, before + at, bytes);
        last = V::load(whole ? before + at : buffer);
      }
      const Floats h = Gates<kCell, kLanes>::apply(sums, inputs, last, cell);
      if (kCell == Cell::lstm) cell += kLanes;
      if (whole) {
        V::store(output + at, h);
      } else {
        V::store(buffer, h);
        __builtin_memcpy(output + at, buffer, bytes);
      }
    }
  }
}

template <Cell kCell, int kLanes, int kVectors, int kRows>
void compute_step(const CellArgs& args) noexcept {
  using V = Vectors<kLanes>;
  using Floats = typename V::Floats;
  constexpr int kGates = gates_of(kCell);
  constexpr int kCount = kVectors * kGates;
  Floats sums[kRows][kCount];
#pragma GCC unroll 16
  for (int i = 0; i < kRows; ++i) {
#pragma GCC unroll 16
    for (int j = 0; j < kCount; ++j) {
      const bool apart = kCell == Cell::gru && j % kGates == 2;
      sums[i][j] = V::load(apart ? args.bias + j / kGates * kLanes
                                 : args.inputs + i * args.input_step + j * kLanes);
    }
  }
  if (args.hidden != nullptr) {
    const float* hidden[kRows];
#pragma GCC unroll 16
    for (int i = 0; i < kRows; ++i) hidden[i] = args.hidden + i * args.hidden_step;
    add_products<kLanes, kCount, kRows>(args.weights, hidden, args.depth, sums);
  }
  float kept[kRows * kCount * kLanes];
#pragma GCC unroll 16
  for (int i = 0; i < kRows; ++i) {
#pragma GCC unroll 16
    for (int j = 0; j < kCount; ++j) V::store(kept + (i * kCount + j) * kLanes, sums[i][j]);
  }
  apply_gates<kCell, kLanes>(args, kept, kRows, kVectors);
}

/// The kernels of 1 ... kRows rows, built up from the first.
template <Cell kCell, int kLanes, int kVectors, int kRows, CellStep... kSteps>
struct StepColumn : StepColumn<kCell, kLanes, kVectors, kRows - 1,
                               &compute_step<kCell, kLanes, kVectors, kRows>, kSteps...> {};
template <Cell kCell, int kLanes, int kVectors, CellStep... kSteps>
struct StepColumn<kCell, kLanes, kVectors, 0, kSteps...> {
  static constexpr CellStep kAll[] = {kSteps...};
  static constexpr CellColumn kColumn = {kAll, sizeof...(kSteps), kVectors};
};

template <Cell kCell, int kLanes, int kVectors, int kRows>
constexpr CellColumn cell_column() {
  return StepColumn<kCell, kLanes, kVectors, kRows>::kColumn;
}

}  // namespace

}  // namespace dnnaccel::kernels
