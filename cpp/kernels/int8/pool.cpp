#include <algorithm>
#include <utility>

#include "kernels/int8/operators.hpp"
#include "kernels/int8/values.hpp"
#include "kernels/split.hpp"

namespace dnnaccel::kernels {

namespace {

/// What reading a value takes, about.
constexpr double kValueNanoseconds = 0.02;

class PoolInt8Operator final : public Operator {
 public:
  PoolInt8Operator(bool max, const PoolShape& s, const Int8PoolRow& row,
                   std::pair<Element, Element> elements, const RunOptions& options)
      : Operator({{.element = elements.first,
                   .shape = {s.batch, s.height, s.width, s.channels},
                   .pitch = checked_pitch("pool", "x_pitch",
                                          {s.batch, s.height, s.width, s.channels}, s.x_pitch)}},
                 {{.element = elements.second,
                   .shape = {s.batch, s.out_height, s.out_width, s.channels},
                   .pitch = checked_pitch("pool", "out_pitch",
                                          {s.batch, s.out_height, s.out_width, s.channels},
                                          s.out_pitch)}}),
        shape_(s),
        row_(row) {
    const KernelSet& kernels = find_kernels(options.isa);
    kernel_ = max ? kernels.int8_values->max : kernels.int8_values->average;
    row_.columns = s.width;
    row_.channels = s.channels;
    row_.x_pitch = inputs_[0].step();
    row_.row_step = s.width * row_.x_pitch;
    row_.out_pitch = outputs_[0].step();
    row_.windows = s.out_width;
    row_.window = s.window_width;
    row_.stride = s.stride_width;
    row_.left = s.pad_left;
    row_.padded_width = s.pad_left + s.width + s.pad_right;
    row_.count_padding = s.count_padding;
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
    const auto* const from = static_cast<const std::uint8_t*>(inputs[0]);
    auto* const to = static_cast<std::uint8_t*>(outputs[0]);
    run_split(split_, [&](unsigned, std::int64_t first, std::int64_t end) {
      for (std::int64_t number = first; number < end; ++number) compute_row(from, to, number);
    });
  }

 private:
  void compute_row(const std::uint8_t* from, std::uint8_t* to, std::int64_t number) const noexcept {
    const std::int64_t image = number / shape_.out_height;
    const std::int64_t begin = number % shape_.out_height * shape_.stride_height - shape_.pad_top;
    const std::int64_t end = begin + shape_.window_height;
    const std::int64_t first = std::max<std::int64_t>(begin, 0);
    Int8PoolRow row = row_;
    row.input = from + (image * shape_.height + first) * row.row_step;
    row.output = to + number * shape_.out_width * row.out_pitch;
    row.rows = std::min(end, shape_.height) - first;
    row.divisor_rows =
        shape_.count_padding ? std::min(end, shape_.height + shape_.pad_bottom) - begin : row.rows;
    kernel_(row);
  }

  PoolShape shape_;
  Int8PoolRow row_;  // but for what differs from row to row
  void (*kernel_)(const Int8PoolRow&) noexcept = nullptr;
  Split split_;  // of rows of all images
};

}  // namespace

std::unique_ptr<Operator> make_pool_int8(const std::string& kind, const PoolShape& shape,
                                         Quantisation input, Quantisation output, float multiplier,
                                         const RunOptions& options) {
  if (kind != "max" && kind != "average")
    refuse("pool", "no kind '" + kind + "'; valid: average, max");
  check_pool(shape);
  check_shape("pool", {shape.batch, shape.out_height, shape.out_width, shape.channels});
  int8_range("pool", "the inputs", input);
  const Int8Range range = int8_range("pool", "the outputs", output);
  check_multiplier("pool", "the multiplier", multiplier);
  const bool max = kind == "max";
  if (max && (input.element != output.element || input.zero != output.zero || multiplier != 1.0F))
    refuse("pool", "what is the largest stands for what the inputs do");
  if (shape.window_height * shape.window_width > INT32_MAX / 255)
    refuse("pool", "the sums of windows of " + std::to_string(shape.window_height) + "x" +
                       std::to_string(shape.window_width) + " could leave 32 bits");
  Int8PoolRow row{};
  row.flip = flip_of(input);
  row.zero = unsigned_zero(input);
  row.multiplier = multiplier;
  row.added = output.zero;
  row.low = static_cast<float>(range.low - output.zero);
  row.high = static_cast<float>(range.high - output.zero);
  return std::make_unique<PoolInt8Operator>(max, shape, row,
                                            std::pair{input.element, output.element}, options);
}

}  // namespace dnnaccel::kernels
