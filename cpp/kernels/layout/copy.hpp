#pragma once

#include <cstdint>
#include <vector>

#include "kernels/checks.hpp"
#include "kernels/split.hpp"

namespace dnnaccel::kernels {

/// An axis along which values are copied: so many, so many values apart.
struct CopyAxis {
  std::int64_t size;
  std::int64_t from;
  std::int64_t to;
};

/// A copy of fp32 values into another order: every layer that only moves values is one or more of
/// them. Axes that lie within each other in both orders are made one; then there are three ways to
/// copy: whole rows, squares that are transposed, or value by value.
class StridedCopy {
 public:
  /// `axes` in any order. No two values may be written to the same place.
  StridedCopy(std::vector<CopyAxis> axes, unsigned threads);

  void run(const float* from, float* to) const noexcept;

  const char* algorithm() const;
  unsigned threads() const { return split_.threads; }

 private:
  enum class Way : std::uint8_t { rows, transpose, values };

  void copy_pieces(const float* from, float* to, std::int64_t first,
                   std::int64_t end) const noexcept;
  void copy_piece(const float* from, float* to, std::int64_t strip) const noexcept;

  Way way_ = Way::rows;
  std::vector<CopyAxis> outer_;  // the outermost in the output first
  CopyAxis inner_{1, 1, 1};      // the innermost in the output
  CopyAxis across_{1, 1, 1};     // transpose: the innermost in the input
  std::int64_t strips_ = 1;      // of `across_`
  Split split_;                  // of strips, for each of the outer axes' values
};

}  // namespace dnnaccel::kernels
