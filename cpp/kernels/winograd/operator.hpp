#pragma once

#include <cstdint>
#include <span>
#include <string_view>
#include <vector>

#include "kernels/conv/shape.hpp"
#include "kernels/gemm/pack.hpp"
#include "kernels/operator.hpp"
#include "kernels/winograd/transform.hpp"

namespace dnnaccel::kernels {

struct WinogradOptions {
  unsigned threads = 1;  // 0: as many as num_threads() says when the operator is made
  std::string_view isa = {};
  float low = -__builtin_inff();
  float high = __builtin_inff();
  std::string_view activation = {};  // what becomes of the clamped outputs, as ConvOptions has it
};

/// A convolution with 3 by 3 kernels, stride and dilation 1 and one group, by Winograd's F(4x4,
/// 3x3): a quarter of the multiplications, and an error some ten times that of the definition. A
/// NaN or an infinity in the input makes NaNs of all outputs of the tiles that see it.
///
/// A block of tiles is taken into Winograd's domain, multiplied there, and taken back, while its
/// values stay in the second cache.
class WinogradOperator final : public Operator {
 public:
  /// Throws std::invalid_argument as check() does, and for a shape that it is not for.
  WinogradOperator(const ConvShape& shape, const float* weights, const float* bias,
                   const WinogradOptions& options);

  void run(const void* const* inputs, void* const* outputs, void* scratch) const noexcept override;

 private:
  struct Call;
  struct Place;

  void choose_block(std::int64_t threads);
  void pack_weights(const TileLevel& level, const float* weights, const float* bias);
  Place find(std::int64_t tile) const noexcept;
  void compute_item(const Call& call, std::int64_t item) const noexcept;
  void transform_in(const Call& call, const Place& place, float* values) const noexcept;
  void multiply(const Call& call, std::int64_t tiles, std::span<const Panel> panels) const noexcept;
  void transform_out(const Call& call, const Place& place, const float* values, std::int64_t first,
                     std::int64_t count) const noexcept;

  ConvShape shape_;
  const WinogradKernels* kernels_;
  float low_;
  float high_;
  RowFunction activation_;
  std::int64_t tile_rows_;     // of an image
  std::int64_t tile_columns_;  // of an image
  std::int64_t block_ = 1;     // tiles
  std::int64_t blocks_ = 0;
  std::int64_t parts_ = 1;  // of the output channels
  std::int64_t depth_;      // channels, filled up to whole vectors
  std::int64_t width_;      // output channels, so too
  std::int64_t in_step_;    // from one value of Winograd's domain to the next, in a block
  std::int64_t out_step_;
  std::int64_t zeros_ = 0;  // where `fixed_` has them
  std::vector<Panel> panels_;
  std::vector<AlignedFloats> weights_;  // by value
  AlignedFloats fixed_;                 // bias, and zeros for the padding
  std::vector<Pixel> pixels_;           // the tiles of a block, as the products' rows
};

}  // namespace dnnaccel::kernels
