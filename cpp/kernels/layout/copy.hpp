#pragma once

#include <cstdint>
#include <vector>

#include "kernels/layout/kernels.hpp"
#include "kernels/split.hpp"
#include "kernels/variants.hpp"

namespace dnnaccel::kernels {

/// An axis along which values are copied: so many, so many values apart.
struct CopyAxis {
  std::int64_t size;
  std::int64_t from;
  std::int64_t to;
};

/// A copy of fp32 values into another order: every layer that only moves values is one or more of
/// them. Axes that lie within each other in both orders are made one. Of what is left, two are a
/// matrix, whose rows are copied or which is transposed, for each value of the others.
class StridedCopy {
 public:
  /// `axes` in any order. No two values may be written to the same place.
  StridedCopy(std::vector<CopyAxis> axes, const KernelSet& kernels, unsigned threads);

  void run(const float* from, float* to) const noexcept;

  unsigned threads() const { return split_.threads; }

 private:
  void choose_matrix();
  void choose_strips();
  void copy_pieces(const float* from, float* to, std::int64_t first,
                   std::int64_t end) const noexcept;
  void copy_piece(const float* from, float* to, std::int64_t piece) const noexcept;

  const LayoutKernels* kernels_;
  std::vector<CopyAxis> outer_;    // the outermost in the output first
  bool transposed_ = false;        // of the matrix:
  CopyAxis inner_{1, 1, 1};        // the axis that is the innermost in the output
  CopyAxis across_{1, 1, 1};       // the other; if transposed, the innermost in the input
  std::int64_t inner_strip_ = 1;   // values of `inner_` in a piece
  std::int64_t across_strip_ = 1;  // values of `across_` in a piece
  std::int64_t inner_strips_ = 1;
  std::int64_t across_strips_ = 1;
  Split split_;  // of pieces of all matrices
};

}  // namespace dnnaccel::kernels
