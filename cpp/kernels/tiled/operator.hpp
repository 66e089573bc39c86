#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "kernels/conv/shape.hpp"
#include "kernels/gemm/pack.hpp"
#include "kernels/operator.hpp"
#include "kernels/tiled/nest.hpp"

namespace dnnaccel::kernels {

struct TiledOptions {
  std::vector<std::pair<std::string, std::int64_t>> loops;  // (dim, tile), outermost first
  unsigned threads = 1;  // 0: as many as num_threads() says when the operator is made
  std::string_view isa = {};
  float low = -__builtin_inff();
  float high = __builtin_inff();
  std::string_view activation = {};  // what becomes of the clamped outputs, as ConvOptions has it
};

/// A convolution that runs the loop nest that it is given, around the tile kernels.
///
/// A box inside the loops is computed tile by tile: its groups, its output channels in panels of
/// whole vectors, and its pixels in row-major order, as many at a time as a tile has or as see the
/// same taps; of each sum, the kernel's rows, its columns and the channels, in this order. Sums
/// that a loop interrupts wait in the output. Padding is skipped as in ConvPlan.
///
/// Threads share the outermost loops as far as those tell outputs apart; if the outermost one runs
/// over what is reduced, one thread does all.
class TiledOperator final : public Operator {
 public:
  /// Throws std::invalid_argument as check() and Nest do.
  TiledOperator(Shape input, Shape output, const ConvShape& shape, const float* weights,
                const float* bias, const TiledOptions& options);

  void run(const void* const* inputs, void* const* outputs, void* scratch) const noexcept override;

 private:
  /// Taps begin ... end - 1 of one direction.
  struct Taps {
    std::int64_t begin;
    std::int64_t end;
    bool operator==(const Taps&) const = default;
  };
  struct Call;
  class Leaf;

  static std::vector<Taps> find_taps(std::int64_t outputs, std::int64_t stride, std::int64_t pad,
                                     std::int64_t dilation, std::int64_t size, std::int64_t kernel);
  void make_panels(const TileLevel& level, const float* weights, const float* bias);
  void walk(const Call& call, const Box& box, std::size_t depth) const noexcept;

  ConvShape shape_;
  Nest nest_;
  float low_;
  float high_;
  RowFunction activation_;
  std::vector<Panel> panels_;
  std::vector<std::int32_t> panel_at_;  // of each output channel that is a panel's first
  AlignedFloats weights_;
  std::vector<Taps> rows_;     // that are inside the image, of each output row
  std::vector<Taps> columns_;  // and column
  Nest::Parts parts_;
  bool small_ = false;  // offsets in the whole batch are 32 bits wide
};

}  // namespace dnnaccel::kernels
