#pragma once

#include <cstdint>
#include <vector>

#include "kernels/conv/rows.hpp"
#include "kernels/conv/shape.hpp"
#include "kernels/gemm/pack.hpp"
#include "kernels/operator.hpp"
#include "kernels/tile.hpp"

namespace dnnaccel::kernels {

/// What becomes of a sum: clamped, and a function of it, or null for none.
struct Epilogue {
  float low;
  float high;
  RowFunction function;
};

/// Depthwise convolutions of the kernel widths and strides that most networks have, row by row.
class DepthwiseRows {
 public:
  /// Whether there are kernels for it, and they are the faster ones.
  static bool suit(const ConvShape& shape, const RowKernels& kernels);

  DepthwiseRows(const ConvShape& shape, const RowKernels& kernels, const float* weights,
                const float* bias, const Epilogue& epilogue, unsigned threads);

  void run(const float* inputs, const float* residual, float* outputs) const noexcept;

  std::size_t packed_bytes() const;
  /// Multiply-accumulates, those with padding left out.
  std::int64_t macs() const { return macs_; }
  Blocking blocking() const;

 private:
  struct Job;

  void compute_item(const Job& job, std::int64_t item) const noexcept;
  void compute_row(const Job& job, std::int64_t image, std::int64_t row, std::int64_t first_panel,
                   std::int64_t end_panel) const noexcept;

  ConvShape shape_;
  const RowColumn* column_;
  std::int32_t pixels_;
  Epilogue epilogue_;
  unsigned threads_;
  std::vector<Panel> panels_;
  AlignedFloats weights_;
  std::int64_t whole_ = 0;       // panels that fill their vectors
  std::int64_t panel_step_ = 0;  // values from one panel to the next
  std::int64_t macs_ = 0;
  std::int64_t rows_ = 1;   // of outputs in a piece of work
  std::int64_t group_ = 1;  // panels that a piece goes through together
};

}  // namespace dnnaccel::kernels
