#include "kernels/conv/transpose.hpp"

#include <algorithm>
#include <atomic>

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
  std::atomic<std::int64_t> next{0};
  auto work = [&](unsigned) noexcept {
    for (std::int64_t item = next.fetch_add(1, std::memory_order_relaxed); item < items;
         item = next.fetch_add(1, std::memory_order_relaxed)) {
      const std::int64_t matrix = item / strips * shape.rows * shape.columns;
      const std::int64_t first = item % strips * kSquare;
      transpose_rows(from + matrix, to + matrix, shape, first,
                     std::min(first + kSquare, shape.rows));
    }
  };
  run_on_workers(static_cast<unsigned>(std::min<std::int64_t>(threads, items)), work);
}

}  // namespace dnnaccel::kernels
