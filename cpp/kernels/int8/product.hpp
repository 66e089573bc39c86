#pragma once

#include <cstdint>
#include <vector>

#include "kernels/conv/shape.hpp"
#include "kernels/conv/windows.hpp"
#include "kernels/int8/pack.hpp"
#include "kernels/int8/tile.hpp"

namespace dnnaccel::kernels {

/// A convolution whose inputs are bytes, cut into tiles: what those of integers share with those of
/// bfloat16, whose bytes come in pairs.
class ByteProduct {
 public:
  ByteProduct() = default;
  /// `shape` is checked by the caller; `lanes`: channel by channel.
  ByteProduct(const ConvShape& shape, const Int8Levels& levels, bool lanes,
              std::int64_t output_bytes, unsigned threads);

  /// Lay out the weights. `zero` is that of the inputs as the kernels multiply them; `multipliers`
  /// are one for each output channel, or null. To be called once.
  void pack(const Int8Weights& weights, std::int32_t zero, const float* multipliers);

  /// Residuals of so many bytes each: 1 unless said.
  void set_residual_bytes(std::int64_t bytes) { residual_bytes_ = bytes; }

  /// Compute all tiles; `tile` has what they have in common.
  void run(const Int8Tile& tile) const noexcept;

  /// Products of bytes of one run.
  std::int64_t macs() const { return macs_; }
  std::size_t packed_bytes() const {
    return weights_.size + (starts_.values.size() + multipliers_.size()) * sizeof(float);
  }

 private:
  void make_panels(const Int8Levels& levels);
  void compute_item(Int8Tile tile, std::int64_t item) const noexcept;
  Cut choose_cut() const;

  ConvShape shape_;
  bool lanes_ = false;
  std::int64_t output_bytes_ = 1;
  std::int64_t residual_bytes_ = 1;
  unsigned threads_ = 1;
  std::int64_t macs_ = 0;
  std::vector<Int8Panel> panels_;
  AlignedBytes weights_;
  Windows windows_{};
  Starts starts_{};
  std::vector<float> multipliers_;
};

}  // namespace dnnaccel::kernels
