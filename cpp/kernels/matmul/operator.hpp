#pragma once

#include <string>
#include <vector>

#include "kernels/matmul/panels.hpp"
#include "kernels/matmul/shape.hpp"
#include "kernels/operator.hpp"
#include "kernels/split.hpp"

namespace dnnaccel::kernels {

struct MatmulOptions {
  bool transpose_right = false;
  float factor = 1;
  unsigned threads = 1;  // 0: num_threads()
  std::string isa;
  // Values from a row to the next; 0: the row's length.
  std::int64_t left_pitch = 0;
  std::int64_t right_pitch = 0;
  std::int64_t out_pitch = 0;
};

/// factor * left [..., rows, depth] x right [..., depth, columns], or [..., columns, depth] if
/// transpose_right. Batch axes are matched as NumPy matches them.
class MatmulOperator final : public Operator {
 public:
  /// Throws std::invalid_argument for shapes that do not meet and pitches that are too short.
  MatmulOperator(const Shape& left, const Shape& right, const MatmulOptions& options);

  void run(const void* const* inputs, void* const* outputs, void* scratch) const noexcept override;

 private:
  struct Job;
  /// Which part of the result a piece of work computes.
  struct Part {
    const float* left;
    const float* right;
    float* out;
    std::int64_t rows;
    std::size_t first_panel;
    std::size_t end_panel;
  };

  std::int64_t choose_parts();
  Part part_of(const Job& job, std::int64_t item) const noexcept;
  void compute(const Part& part, float* packed) const noexcept;
  void compute_few(const Part& part) const noexcept;
  void multiply_block(const Part& part, TileArgs tile, std::int64_t rows, std::int64_t first,
                      std::int64_t depth, const float* packed) const noexcept;

  MatmulShape shape_;
  const MatmulKernels* kernels_;
  ColumnPanels columns_;
  float factor_;
  bool few_;                    // rows: not worth packing for
  std::int64_t pass_ = 0;       // rows of the right side that are packed at once
  std::size_t group_ = 1;       // panels that are
  std::int64_t block_ = 1;      // rows of the left side that are read again for each panel
  std::int64_t part_rows_ = 0;  // rows of the left side in a piece of work
  Split split_;                 // of pieces of work
  std::int64_t packed_ = 0;     // values that a thread packs
  std::vector<Pixel> pixels_;
};

}  // namespace dnnaccel::kernels
