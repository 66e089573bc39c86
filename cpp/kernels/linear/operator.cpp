#include "kernels/linear/operator.hpp"

#include <algorithm>
#include <stdexcept>
#include <string>
#include <utility>

#include "kernels/pool.hpp"
#include "kernels/steps.hpp"
#include "kernels/variants.hpp"

namespace dnnaccel::kernels {

namespace {

/// A thread is worth its waking for some microseconds of work.
constexpr std::int64_t kMacsPerThread = 100'000;

/// As many panels as the threads can share evenly, of widths as equal as can be.
std::vector<Panel> make_panels(std::int64_t outputs, int lanes, int most, unsigned threads) {
  const std::int64_t vectors = (outputs + lanes - 1) / lanes;
  std::int64_t count = (vectors + most - 1) / most;
  count = std::min((count + threads - 1) / threads * threads, vectors);
  std::vector<Panel> panels;
  for (std::int64_t i = 0; i < count; ++i) {
    const std::int64_t first = vectors * i / count * lanes;
    const std::int64_t end = vectors * (i + 1) / count * lanes;
    panels.push_back({.first = static_cast<std::int32_t>(first),
                      .width = static_cast<std::int32_t>(std::min(end, outputs) - first),
                      .row_length = static_cast<std::int32_t>(end - first)});
  }
  return panels;
}

}  // namespace

LinearOperator::LinearOperator(Shape input, Shape output, const ConvShape& shape,
                               const float* weights, const float* bias, const ConvOptions& options)
    : Operator({{.shape = std::move(input), .pitch = shape.x_pitch},
                {.shape = output, .pitch = shape.out_pitch, .optional = true, .in_place = true}},
               {{.shape = output, .pitch = shape.out_pitch}}),
      rows_(shape.width),
      depth_(shape.channels),
      input_step_(shape.x_step()),
      output_step_(shape.out_step()),
      threads_(options.threads == 0 ? num_threads() : options.threads),
      low_(options.low),
      high_(options.high) {
  if (threads_ > kMaxThreads)
    throw std::invalid_argument("linear: at most " + std::to_string(kMaxThreads) +
                                " threads, not " + std::to_string(threads_));
  if (!(low_ <= high_))
    throw std::invalid_argument("linear: the clamp's low end must not be above its high end");
  const KernelSet& kernels = find_kernels(options.isa);
  const GemvRow& row = kernels.gemv->rows[rows_ - 1];
  info_ = {.isa = kernels.name,
           .algorithm = "gemv",
           .threads = threads_,
           .macs = rows_ * depth_ * shape.outputs};
  threads_ = static_cast<unsigned>(std::clamp<std::int64_t>(info_.macs / kMacsPerThread, 1,
                                                            std::min(threads_, Steps::kMaxShares)));
  panels_ = make_panels(shape.outputs, kernels.gemv->lanes, row.vectors, threads_);
  threads_ = std::min(threads_, static_cast<unsigned>(panels_.size()));
  weights_ = pack(panels_, weights, depth_, 1, bias);
  for (const Panel& panel : panels_) {
    kernels_.push_back(row.kernels[panel.row_length / kernels.gemv->lanes - 1]);
    info_.packed_bytes += static_cast<std::size_t>(panel.row_length) * sizeof(float) *
                          static_cast<std::size_t>(depth_ + 1);
  }
  start_workers(threads_);
}

void LinearOperator::run(const void* const* inputs, void* const* outputs,
                         void* /*scratch*/) const noexcept {
  const auto* const residual = static_cast<const float*>(inputs[1]);
  const auto compute = [&](std::int64_t /*step*/, std::int32_t index) noexcept {
    const Panel& panel = panels_[static_cast<std::size_t>(index)];
    kernels_[static_cast<std::size_t>(index)](
        {.weights = weights_.data() + panel.weights,
         .bias = weights_.data() + panel.bias,
         .input = static_cast<const float*>(inputs[0]),
         .residual = residual == nullptr ? nullptr : residual + panel.first,
         .output = static_cast<float*>(outputs[0]) + panel.first,
         .input_step = input_step_,
         .output_step = output_step_,
         .depth = depth_,
         .width = panel.width,
         .low = low_,
         .high = high_});
  };
  run_steps(1, static_cast<std::int32_t>(panels_.size()), threads_, compute);
}

}  // namespace dnnaccel::kernels
