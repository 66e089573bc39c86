#pragma once

#include <cstdint>
#include <string_view>

#include "kernels/conv/plan.hpp"
#include "kernels/operator.hpp"
#include "kernels/recurrent/pack.hpp"

namespace dnnaccel::kernels {

struct RecurrentShape {
  std::int64_t batch = 1;
  std::int64_t steps = 1;
  std::int64_t features = 1;
  std::int64_t units = 1;  // hidden
};

/// In PyTorch's order of gates: weights [gates * units][features] and [gates * units][units], and
/// biases of as many rows, or null.
struct RecurrentWeights {
  const float* input;
  const float* hidden;
  const float* input_bias = nullptr;
  const float* hidden_bias = nullptr;
};

struct RecurrentOptions {
  bool reverse = false;       // from the last step to the first
  unsigned threads = 1;       // 0: as many as num_threads() says when it is made
  std::string_view isa = {};  // "" for the best that the processor can run
};

/// A recurrent layer, of inputs x [batch, steps, features] and, optional, the states before the
/// first step [batch, units]: h and, of an LSTM, c. Without, they are zeros, which are not
/// multiplied. Outputs: h of every step, and, optional, the states after the last.
class RecurrentOperator final : public Operator {
 public:
  /// Throws std::invalid_argument for a shape that is not one of a layer or is of 2^31 values or
  /// more, or an isa that does not run here.
  RecurrentOperator(Cell cell, const RecurrentShape& shape, const RecurrentWeights& weights,
                    const RecurrentOptions& options);

  void run(const void* const* inputs, void* const* outputs, void* scratch) const noexcept override;

 private:
  struct Job;

  void compute_panel(const Job& job, std::int64_t step, std::int32_t panel) const noexcept;
  void load_cells(const float* from, float* cells) const noexcept;
  void store_last(const Job& job, float* hidden, float* cells) const noexcept;
  /// Which of the inputs' steps is the `step`-th to be computed.
  std::int64_t moment(std::int64_t step) const { return reverse_ ? shape_.steps - 1 - step : step; }

  RecurrentShape shape_;
  bool reverse_;
  unsigned threads_;
  CellPanels panels_;
  ConvPlan products_;  // with the inputs, of all steps at once
  AlignedFloats weights_;
  AlignedFloats bias_;  // of a GRU's last gate
};

}  // namespace dnnaccel::kernels
