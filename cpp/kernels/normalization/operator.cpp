#include "kernels/normalization/operator.hpp"

#include <algorithm>
#include <cmath>
#include <utility>

#include "kernels/normalization/kernels.hpp"
#include "kernels/split.hpp"

namespace dnnaccel::kernels {

namespace {

// What a value takes, about.
constexpr double kLayerNormNanoseconds = 0.15;
constexpr double kSoftmaxNanoseconds = 0.3;
constexpr double kLrnNanoseconds = 0.4;

/// With a size above 0 along the last axis.
const Shape& checked_shape(const char* who, const Shape& shape) {
  check_shape(who, shape);
  check_range(who, "the last axis", shape.back(), 1);
  return shape;
}

class LayerNormOperator final : public Operator {
 public:
  LayerNormOperator(const Shape& shape, std::vector<float> scale, std::vector<float> shift,
                    float epsilon, bool residual, const RunOptions& options)
      : Operator(std::vector<TensorSpec>(residual ? 2 : 1, {.shape = shape, .in_place = true}),
                 {{.shape = shape}}),
        scale_(std::move(scale)),
        shift_(std::move(shift)) {
    const KernelSet& kernels = find_kernels(options.isa);
    kernel_ = kernels.normalization->layer_norm;
    args_ = {
        .width = shape.back(), .scale = scale_.data(), .shift = shift_.data(), .epsilon = epsilon};
    const std::int64_t values = outputs_[0].size();
    const auto width = static_cast<double>(shape.back());
    split_ = split_work(values / shape.back(), kLayerNormNanoseconds * width,
                        checked_threads("layer_norm", options.threads));
    start_workers(split_.threads);
    info_ = {.isa = kernels.name,
             .algorithm = residual ? "add and layer norm" : "layer norm",
             .threads = split_.threads,
             .operations = 7 * values,
             .packed_bytes = 2 * scale_.size() * sizeof(float)};
  }

  void run(const void* const* inputs, void* const* outputs, void*) const noexcept override {
    const auto* const x = static_cast<const float*>(inputs[0]);
    const auto* const residual =
        inputs_.size() == 2 ? static_cast<const float*>(inputs[1]) : nullptr;
    auto* const y = static_cast<float*>(outputs[0]);
    run_split(split_, [&](unsigned, std::int64_t first, std::int64_t end) {
      const std::int64_t at = first * args_.width;
      LayerNormArgs args = args_;
      args.input = x + at;
      args.residual = residual == nullptr ? nullptr : residual + at;
      args.output = y + at;
      args.rows = end - first;
      kernel_(args);
    });
  }

 private:
  void (*kernel_)(const LayerNormArgs&) noexcept = nullptr;
  LayerNormArgs args_{};  // but for pointers to values
  std::vector<float> scale_;
  std::vector<float> shift_;
  Split split_;  // of rows
};

class SoftmaxOperator final : public Operator {
 public:
  SoftmaxOperator(const Shape& shape, std::size_t axis, const RunOptions& options)
      : Operator({{.shape = shape, .in_place = true}}, {{.shape = shape}}) {
    const KernelSet& kernels = find_kernels(options.isa);
    axis_ = shape[axis];
    inner_ = product(shape, axis + 1, shape.size());
    kernel_ =
        inner_ == 1 ? kernels.normalization->softmax_rows : kernels.normalization->softmax_columns;
    split_ = split_work(axis_ * inner_ == 0 ? 0 : product(shape, 0, axis),
                        kSoftmaxNanoseconds * static_cast<double>(axis_ * inner_),
                        checked_threads("softmax", options.threads));
    start_workers(split_.threads);
    info_ = {.isa = kernels.name,
             .algorithm = inner_ == 1 ? "rows" : "columns",
             .threads = split_.threads,
             .operations = 5 * outputs_[0].size()};
  }

  void run(const void* const* inputs, void* const* outputs, void*) const noexcept override {
    const auto* const x = static_cast<const float*>(inputs[0]);
    auto* const y = static_cast<float*>(outputs[0]);
    run_split(split_, [&](unsigned, std::int64_t first, std::int64_t end) {
      const std::int64_t at = first * axis_ * inner_;
      kernel_({.input = x + at,
               .output = y + at,
               .count = end - first,
               .axis = axis_,
               .inner = inner_});
    });
  }

 private:
  void (*kernel_)(const SoftmaxArgs&) noexcept = nullptr;
  std::int64_t axis_ = 0;
  std::int64_t inner_ = 0;
  Split split_;  // of the axes before
};

class LrnOperator final : public Operator {
 public:
  LrnOperator(const Shape& shape, const LrnParameters& p, const RunOptions& options)
      : Operator({{.shape = shape, .in_place = true}}, {{.shape = shape}}) {
    const KernelSet& kernels = find_kernels(options.isa);
    kernel_ = kernels.normalization->lrn;
    const std::int64_t channels = shape.back();
    args_ = {.channels = channels,
             .before = std::min(p.size / 2, channels - 1),
             .after = std::min((p.size - 1) / 2, channels - 1),
             .share = p.alpha / static_cast<float>(p.size),
             .beta = p.beta,
             .k = p.k};
    const std::int64_t values = outputs_[0].size();
    split_ = split_work(values / channels, kLrnNanoseconds * static_cast<double>(channels),
                        checked_threads("lrn", options.threads));
    start_workers(split_.threads);
    // Whole cache lines for each worker.
    worker_values_ =
        (args_.before + channels + args_.after + 2 * kMostLanes - 1) / kMostLanes * kMostLanes;
    info_ = {
        .isa = kernels.name,
        .algorithm = "lrn",
        .threads = split_.threads,
        .operations = values * (p.size + 4),
        .scratch_bytes = static_cast<std::size_t>(worker_values_) * split_.threads * sizeof(float)};
  }

  void run(const void* const* inputs, void* const* outputs, void* scratch) const noexcept override {
    const auto* const x = static_cast<const float*>(inputs[0]);
    auto* const y = static_cast<float*>(outputs[0]);
    run_split(split_, [&](unsigned worker, std::int64_t first, std::int64_t end) {
      LrnArgs args = args_;
      args.input = x + first * args.channels;
      args.output = y + first * args.channels;
      args.pixels = end - first;
      args.squares = static_cast<float*>(scratch) + worker * worker_values_;
      kernel_(args);
    });
  }

 private:
  void (*kernel_)(const LrnArgs&) noexcept = nullptr;
  LrnArgs args_{};  // but for pointers to values
  std::int64_t worker_values_ = 0;
  Split split_;  // of pixels
};

}  // namespace

std::unique_ptr<Operator> make_layer_norm(const Shape& shape, std::vector<float> scale,
                                          std::vector<float> shift, float epsilon, bool residual,
                                          const RunOptions& options) {
  checked_shape("layer_norm", shape);
  const auto width = static_cast<std::size_t>(shape.back());
  if (scale.size() != width || shift.size() != width)
    refuse("layer_norm", "scale and shift must have one value for each of the " +
                             std::to_string(width) + " features");
  if (!(epsilon >= 0) || !std::isfinite(epsilon))
    refuse("layer_norm", "epsilon must be a number from 0, not " + std::to_string(epsilon));
  return std::make_unique<LayerNormOperator>(shape, std::move(scale), std::move(shift), epsilon,
                                             residual, options);
}

std::unique_ptr<Operator> make_softmax(const Shape& shape, std::int64_t axis,
                                       const RunOptions& options) {
  check_shape("softmax", shape);
  return std::make_unique<SoftmaxOperator>(shape, checked_axis("softmax", shape, axis), options);
}

std::unique_ptr<Operator> make_lrn(const Shape& shape, const LrnParameters& parameters,
                                   const RunOptions& options) {
  checked_shape("lrn", shape);
  check_range("lrn", "size", parameters.size, 1);
  for (const float value : {parameters.alpha, parameters.beta, parameters.k}) {
    if (!std::isfinite(value)) refuse("lrn", "alpha, beta and k must be finite");
  }
  return std::make_unique<LrnOperator>(shape, parameters, options);
}

}  // namespace dnnaccel::kernels
