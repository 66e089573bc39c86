#pragma once

#include <cstdint>
#include <vector>

#include "kernels/gemm/pack.hpp"
#include "kernels/matmul/rows.hpp"
#include "kernels/tile.hpp"
#include "kernels/variants.hpp"

// The right side of a product whose values are known only when it is computed.
namespace dnnaccel::kernels {

/// Columns in panels as the tiles of one instruction set read them. Panels of equal depth lie one
/// behind the other: of `depth` rows, panel p begins at depth * p.first.
class ColumnPanels {
 public:
  ColumnPanels(const KernelSet& kernels, std::int64_t columns);

  const std::vector<Panel>& panels() const { return panels_; }
  std::int64_t columns() const { return columns_; }
  /// Columns filled up to whole vectors.
  std::int64_t filled() const { return filled_; }
  /// Columns of all panels but the last ones.
  std::int64_t widest() const { return panels_.empty() ? 1 : panels_.front().row_length; }

  /// Where the right side's values are: value (k, c) at k * row_step + c * column_step, one of
  /// which is 1.
  struct Source {
    const float* values;
    std::int64_t pitch;
    bool transposed;  // `pitch` is from column to column
  };
  /// Pack rows `first` ... `first + depth` - 1 of one panel, of which `columns` are there.
  void pack(const Panel& panel, const Source& from, std::int64_t first, std::int64_t depth,
            std::int64_t columns, float factor, float* to) const noexcept;

 private:
  const MatmulKernels* kernels_;
  std::int64_t columns_;
  std::int64_t filled_ = 0;
  std::vector<Panel> panels_;
};

/// Multiply `rows` rows of the left side with a panel, in tiles as few and as equal as can be.
/// `tile` is that of the first row.
inline void multiply(const TileColumn& kernels, TileArgs tile, std::int32_t rows) noexcept {
  for (std::int32_t tiles = (rows + kernels.rows - 1) / kernels.rows; tiles > 0; --tiles) {
    const std::int32_t count = (rows + tiles - 1) / tiles;
    kernels.tiles[count - 1](tile);
    tile.pixels += count;
    rows -= count;
  }
}

/// A row of zeros, as wide as any panel, to begin sums with.
const float* zero_row() noexcept;

/// Rows that stand `input` values apart in the left side and `output` in the result.
std::vector<Pixel> row_pixels(std::int64_t rows, std::int64_t input, std::int64_t output);

}  // namespace dnnaccel::kernels
