#include "kernels/pooling/operator.hpp"

#include <algorithm>

#include "kernels/pooling/kernels.hpp"
#include "kernels/split.hpp"

namespace dnnaccel::kernels {

namespace {

/// What reading a value takes, about.
constexpr double kValueNanoseconds = 0.05;
/// Channels that one piece of a global pooling has a multiple of.
constexpr std::int64_t kChannels = 64;

bool is_max(const std::string& kind) {
  if (kind != "max" && kind != "average")
    refuse("pool", "no kind '" + kind + "'; valid: average, max");
  return kind == "max";
}

/// Along one side: `windows` of them must all see the image.
void check_side(const char* name, std::int64_t size, std::int64_t window, std::int64_t stride,
                std::int64_t before, std::int64_t windows) {
  const std::string of = std::string(" of the ") + name;
  check_range("pool", ("window" + of).c_str(), window, 1);
  check_range("pool", ("stride" + of).c_str(), stride, 1);
  check_range("pool", ("padding" + of).c_str(), before, 0);
  check_range("pool", ("output" + of).c_str(), windows, 1);
  if (before >= window || (windows - 1) * stride - before >= size)
    refuse("pool", std::string("a window would see nothing but padding along the ") + name + ": " +
                       std::to_string(windows) + " windows of " + std::to_string(window) +
                       " in steps of " + std::to_string(stride) + " on " + std::to_string(size) +
                       " values after " + std::to_string(before) + " of padding");
}

Shape input_shape(const PoolShape& s) {
  check_pool(s);
  return {s.batch, s.height, s.width, s.channels};
}

TensorSpec spec(const char* name, Shape shape, std::int64_t pitch) {
  check_shape("pool", shape);
  const std::int64_t step = checked_pitch("pool", name, shape, pitch);
  return {.shape = std::move(shape), .pitch = step};
}

class PoolOperator final : public Operator {
 public:
  PoolOperator(bool max, const PoolShape& s, const RunOptions& options)
      : Operator(
            {spec("x_pitch", input_shape(s), s.x_pitch)},
            {spec("out_pitch", {s.batch, s.out_height, s.out_width, s.channels}, s.out_pitch)}),
        shape_(s) {
    const KernelSet& kernels = find_kernels(options.isa);
    kernel_ = max ? kernels.pooling->max : kernels.pooling->average;
    const std::int64_t x_pitch = inputs_[0].step();
    row_ = {.columns = s.width,
            .channels = s.channels,
            .row_step = s.width * x_pitch,
            .x_pitch = x_pitch,
            .out_pitch = outputs_[0].step(),
            .windows = s.out_width,
            .window = s.window_width,
            .stride = s.stride_width,
            .left = s.pad_left,
            .padded_width = s.pad_left + s.width + s.pad_right,
            .count_padding = s.count_padding};
    const std::int64_t row_values = s.window_height * s.window_width * s.out_width * s.channels;
    split_ = split_work(s.batch * s.out_height, kValueNanoseconds * static_cast<double>(row_values),
                        checked_threads("pool", options.threads));
    start_workers(split_.threads);
    info_ = {.isa = kernels.name,
             .algorithm = max ? "max" : "average",
             .threads = split_.threads,
             .operations = s.batch * s.out_height * row_values};
  }

  void run(const void* const* inputs, void* const* outputs, void*) const noexcept override {
    const auto* const from = static_cast<const float*>(inputs[0]);
    auto* const to = static_cast<float*>(outputs[0]);
    run_split(split_, [&](unsigned, std::int64_t first, std::int64_t end) {
      for (std::int64_t row = first; row < end; ++row) compute_row(from, to, row);
    });
  }

 private:
  void compute_row(const float* from, float* to, std::int64_t number) const noexcept {
    const std::int64_t image = number / shape_.out_height;
    const std::int64_t begin = number % shape_.out_height * shape_.stride_height - shape_.pad_top;
    const std::int64_t end = begin + shape_.window_height;
    const std::int64_t first = std::max<std::int64_t>(begin, 0);
    const std::int64_t last = std::min(end, shape_.height);
    PoolRow row = row_;
    row.input = from + (image * shape_.height + first) * row.row_step;
    row.output = to + number * shape_.out_width * row.out_pitch;
    row.rows = last - first;
    row.divisor_rows =
        shape_.count_padding ? std::min(end, shape_.height + shape_.pad_bottom) - begin : row.rows;
    kernel_(row);
  }

  PoolShape shape_;
  PoolRow row_{};  // but for what differs from row to row
  void (*kernel_)(const PoolRow&) noexcept = nullptr;
  Split split_;  // of rows of all images
};

const Shape& image_shape(const Shape& input) {
  check_rank("global pool", input, 4);
  check_range("global pool", "height times width", input[1] * input[2], 1);
  check_range("global pool", "channels", input[3], 1);
  return input;
}

class GlobalPoolOperator final : public Operator {
 public:
  GlobalPoolOperator(bool max, const Shape& input, std::int64_t x_pitch, std::int64_t out_pitch,
                     const RunOptions& options)
      : Operator({spec("x_pitch", image_shape(input), x_pitch)},
                 {spec("out_pitch", {input[0], 1, 1, input[3]}, out_pitch)}) {
    const KernelSet& kernels = find_kernels(options.isa);
    kernel_ = max ? kernels.pooling->global_max : kernels.pooling->global_average;
    pixels_ = input[1] * input[2];
    channels_ = input[3];
    parts_ = (channels_ + kChannels - 1) / kChannels;
    split_ =
        split_work(input[0] * parts_, kValueNanoseconds * static_cast<double>(pixels_ * kChannels),
                   checked_threads("global pool", options.threads));
    start_workers(split_.threads);
    info_ = {.isa = kernels.name,
             .algorithm = max ? "max" : "average",
             .threads = split_.threads,
             .operations = inputs_[0].size()};
  }

  void run(const void* const* inputs, void* const* outputs, void*) const noexcept override {
    const auto* const from = static_cast<const float*>(inputs[0]);
    auto* const to = static_cast<float*>(outputs[0]);
    const std::int64_t x_pitch = inputs_[0].step();
    const std::int64_t out_pitch = outputs_[0].step();
    run_split(split_, [&](unsigned, std::int64_t first, std::int64_t end) {
      while (first < end) {
        const std::int64_t image = first / parts_;
        const std::int64_t parts = std::min(end - first, parts_ - first % parts_);
        const std::int64_t channel = first % parts_ * kChannels;
        kernel_({.input = from + image * pixels_ * x_pitch + channel,
                 .output = to + image * out_pitch + channel,
                 .pixels = pixels_,
                 .channels = std::min(parts * kChannels, channels_ - channel),
                 .x_pitch = x_pitch,
                 .factor = 1.0F / static_cast<float>(pixels_)});
        first += parts;
      }
    });
  }

 private:
  void (*kernel_)(const PoolImage&) noexcept = nullptr;
  std::int64_t pixels_ = 0;
  std::int64_t channels_ = 0;
  std::int64_t parts_ = 0;  // of the channels
  Split split_;             // of parts of all images
};

}  // namespace

void check_pool(const PoolShape& s) {
  check_shape("pool", {s.batch, s.height, s.width, s.channels});
  check_range("pool", "batch", s.batch, 0);
  check_range("pool", "height", s.height, 1);
  check_range("pool", "width", s.width, 1);
  check_range("pool", "channels", s.channels, 1);
  check_side("height", s.height, s.window_height, s.stride_height, s.pad_top, s.out_height);
  check_side("width", s.width, s.window_width, s.stride_width, s.pad_left, s.out_width);
  check_range("pool", "padding at the bottom", s.pad_bottom, 0);
  check_range("pool", "padding at the right", s.pad_right, 0);
}

std::unique_ptr<Operator> make_pool(const std::string& kind, const PoolShape& shape,
                                    const RunOptions& options) {
  return std::make_unique<PoolOperator>(is_max(kind), shape, options);
}

std::unique_ptr<Operator> make_global_pool(const std::string& kind, const Shape& input,
                                           std::int64_t x_pitch, std::int64_t out_pitch,
                                           const RunOptions& options) {
  return std::make_unique<GlobalPoolOperator>(is_max(kind), input, x_pitch, out_pitch, options);
}

}  // namespace dnnaccel::kernels
