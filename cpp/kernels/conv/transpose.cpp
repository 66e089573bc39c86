#include "kernels/conv/transpose.hpp"

#include <algorithm>

#include "kernels/pool.hpp"

namespace dnnaccel::kernels {

namespace {

/// A square whose lines, of both matrices, stay in the first cache.
constexpr std::int64_t kSquare = 16;

void transpose_rows(const float* from, float* to, const Matrices& shape, std::int64_t first,
                    std::int64_t end) {
  for (std::int64_t column = 0; column < shape.columns; column += kSquare) {
    const std::int64_t last = std::min(column + kSquare, shape.columns);
    for (std::int64_t c = column; c < last; ++c) {
      for (std::int64_t row = first; row < end; ++row)
        to[c * shape.rows + row] = from[row * shape.columns + c];
    }
  }
}

}  // namespace

void transpose(const float* from, float* to, const Matrices& shape, unsigned threads) {
  const std::int64_t strips = (shape.rows + kSquare - 1) / kSquare;
  const std::int64_t items = shape.count * strips;
  share_out(threads, items, [&](std::int64_t item) noexcept {
    const std::int64_t matrix = item / strips * shape.rows * shape.columns;
    const std::int64_t first = item % strips * kSquare;
    transpose_rows(from + matrix, to + matrix, shape, first, std::min(first + kSquare, shape.rows));
  });
}

}  // namespace dnnaccel::kernels
