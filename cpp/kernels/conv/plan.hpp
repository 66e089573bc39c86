#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string_view>
#include <utility>
#include <vector>

#include "kernels/conv/depthwise.hpp"
#include "kernels/conv/shape.hpp"
#include "kernels/conv/windows.hpp"
#include "kernels/gemm/pack.hpp"
#include "kernels/operator.hpp"

namespace dnnaccel::kernels {

enum class Layout { nhwc, nchw };

enum class Algorithm {
  gemm,       // an implicit product of matrices
  depthwise,  // channel by channel, where each has a kernel of its own
  grouped,    // several small groups in a vector
};

struct ConvOptions {
  unsigned threads = 1;             // 0: as many as num_threads() says when the plan is made
  Layout layout = Layout::nhwc;     // of inputs, residuals and outputs
  std::string_view algorithm = {};  // "" for the best, or as `Algorithm` names them
  std::string_view isa = {};        // "" for the best that the processor can run
  // What becomes of the clamped outputs: "" nothing, "sigmoid" or "tanh".
  std::string_view activation = {};
  float low = -__builtin_inff();  // outputs are clamped to low ... high
  float high = __builtin_inff();
};

/// A convolution of one shape with weights in the kernels' order: made once, run often.
class ConvPlan {
 public:
  /// `weights` are [output channel][channel of its group][row][column], `bias` is one value for
  /// each output channel or null. Throws std::invalid_argument for a shape that check() refuses, an
  /// algorithm that it is not for, an isa that does not run here, or an activation of another name.
  ConvPlan(const ConvShape& shape, const float* weights, const float* bias,
           const ConvOptions& options);

  /// outputs = activation(clamp(convolution + bias + residual)); `residual` has the outputs' shape
  /// and pitch, may be the outputs, and may be null. The outputs must not overlap the inputs.
  /// `scratch` has scratch_bytes() bytes and begins at a cache line. Allocates nothing. May be
  /// called from several threads at once, each with its own scratch.
  void run(const float* inputs, const float* residual, float* outputs,
           void* scratch = nullptr) const noexcept;

  const ConvShape& shape() const { return shape_; }
  unsigned threads() const { return threads_; }
  const char* isa() const { return isa_; }
  const char* algorithm() const;
  /// Bytes of the weights as they are kept.
  std::size_t packed_bytes() const { return packed_bytes_; }
  /// Bytes that a run works in: copies in NHWC order of images that are in NCHW order.
  std::size_t scratch_bytes() const { return scratch_bytes_; }
  /// Multiply-accumulates of one run, those with padding left out.
  std::int64_t macs() const { return macs_; }
  Blocking blocking() const;

 private:
  struct Job;

  /// Rows of a panel that are worked off in one pass, and how many bytes to fetch meanwhile.
  struct Part {
    std::int32_t first_row;
    std::int32_t end_row;
    std::int64_t fetched = 0;
  };

  void prepare_tiles(const TileSet& tiles, const float* weights, const float* bias);
  void run_nhwc(const float* inputs, const float* residual, float* outputs) const noexcept;
  void compute_item(const Job& job, std::int64_t item) const noexcept;
  void compute_block(const Panel& panel, const Block& block, TileArgs tile, const Part& part,
                     bool fetch) const noexcept;
  std::int64_t find_runs(const Segment& segment, const Part& part, TileArgs& tile) const noexcept;
  void activate_block(const Panel& panel, const Block& block, float* output) const noexcept;
  std::int32_t choose_pass(const Panel& panel) const;
  Cut choose_cut() const;

  ConvShape shape_;
  Algorithm algorithm_ = Algorithm::gemm;
  const char* isa_;
  unsigned threads_;
  Epilogue epilogue_;
  std::optional<DepthwiseRows> rows_;  // in place of what follows
  std::vector<Panel> panels_;
  AlignedFloats weights_;
  std::size_t packed_bytes_ = 0;
  std::size_t scratch_bytes_ = 0;
  std::int64_t macs_ = 0;
  Windows windows_;
};

}  // namespace dnnaccel::kernels
