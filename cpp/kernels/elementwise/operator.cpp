#include "kernels/elementwise/operator.hpp"

#include <algorithm>
#include <array>
#include <utility>

#include "kernels/elementwise/kernels.hpp"
#include "kernels/split.hpp"

namespace dnnaccel::kernels {

namespace {

/// Values that a piece of a job is a multiple of: whole cache lines, whole rounds of the loop.
constexpr std::int64_t kPiece = 64;
/// What a value takes that only passes through, and each further input of it.
constexpr double kPassNanoseconds = 0.1;

/// What one of them is, whatever its shape.
struct Function {
  const char* name;
  Elementwise ElementwiseKernels::* kernel;
  double nanoseconds;  // for each value, about
  std::int64_t operations;
};

constexpr std::array kUnary = {
    Function{"clamp", &ElementwiseKernels::clamp, kPassNanoseconds, 1},
    Function{"sigmoid", &ElementwiseKernels::sigmoid, 0.3, 1},
    Function{"tanh", &ElementwiseKernels::tanh, 0.5, 1},
    Function{"gelu", &ElementwiseKernels::gelu, 1.0, 2},
    Function{"gelu_tanh", &ElementwiseKernels::gelu_tanh, 0.4, 2},
    Function{"scale", &ElementwiseKernels::scale, kPassNanoseconds, 1},
};
constexpr std::array kCombinations = {
    Function{"add", &ElementwiseKernels::add, kPassNanoseconds, 1},
    Function{"multiply", &ElementwiseKernels::multiply, kPassNanoseconds, 1},
};
constexpr Function kAffine = {"affine", &ElementwiseKernels::affine, kPassNanoseconds, 2};

template <std::size_t kCount>
const Function& find(const std::array<Function, kCount>& functions, const std::string& name) {
  std::string valid;
  for (const Function& function : functions) {
    if (name == function.name) return function;
    valid += (valid.empty() ? "" : ", ") + std::string(function.name);
  }
  refuse("elementwise", "no function '" + name + "'; valid: " + valid);
}

std::vector<TensorSpec> specs(const char* who, const ElementwiseShape& shape, std::int64_t count) {
  check_shape(who, shape.shape);
  const std::int64_t pitch = checked_pitch(who, "x_pitch", shape.shape, shape.x_pitch);
  const bool in_place = pitch == checked_pitch(who, "out_pitch", shape.shape, shape.out_pitch);
  return std::vector<TensorSpec>(static_cast<std::size_t>(count),
                                 {.shape = shape.shape, .pitch = pitch, .in_place = in_place});
}

class ElementwiseOperator final : public Operator {
 public:
  ElementwiseOperator(const Function& function, const ElementwiseShape& shape, std::int64_t count,
                      Clamp clamp, const RunOptions& options)
      : Operator(
            specs(function.name, shape, count),
            {{.shape = shape.shape,
              .pitch = checked_pitch(function.name, "out_pitch", shape.shape, shape.out_pitch)}}) {
    check_clamp(function.name, clamp.low, clamp.high);
    const KernelSet& kernels = find_kernels(options.isa);
    kernel_ = kernels.elementwise->*function.kernel;
    args_ = {.count = static_cast<int>(count),
             .width = shape.shape.back(),
             .x_pitch = inputs_[0].step(),
             .out_pitch = outputs_[0].step(),
             .low = clamp.low,
             .high = clamp.high};
    const std::int64_t values = outputs_[0].size();
    rows_ = args_.width == 0 ? 0 : values / args_.width;
    value_nanoseconds_ = function.nanoseconds * static_cast<double>(count);
    const unsigned threads = checked_threads(function.name, options.threads);
    // What is dense is one long row, whatever its channels.
    by_value_ = inputs_[0].dense() && outputs_[0].dense() && function.kernel != kAffine.kernel;
    split_ = by_value_ ? split_work(values, value_nanoseconds_, threads, kPiece)
                       : split_work(rows_, value_nanoseconds_ * static_cast<double>(args_.width),
                                    threads);
    start_workers(split_.threads);
    info_ = {.isa = kernels.name,
             .algorithm = function.name,
             .threads = split_.threads,
             .operations = values * function.operations * std::max<std::int64_t>(count - 1, 1)};
  }

  void set_factor(float factor) { args_.factor = factor; }

  void set_affine(std::vector<float> scale, std::vector<float> shift) {
    scale_ = std::move(scale);
    shift_ = std::move(shift);
    args_.scale = scale_.data();
    args_.shift = shift_.data();
    info_.packed_bytes = (scale_.size() + shift_.size()) * sizeof(float);
  }

  void run(const void* const* inputs, void* const* outputs, void*) const noexcept override {
    const auto* const from = reinterpret_cast<const float* const*>(inputs);
    auto* const to = static_cast<float*>(outputs[0]);
    run_split(split_, [&](unsigned, std::int64_t first, std::int64_t end) {
      ElementwiseArgs args = args_;
      args.inputs = from;
      if (by_value_) {
        args.input_offset = first;
        args.output = to + first;
        args.rows = 1;
        args.width = end - first;
      } else {
        args.input_offset = first * args.x_pitch;
        args.output = to + first * args.out_pitch;
        args.rows = end - first;
      }
      kernel_(args);
    });
  }

 private:
  Elementwise kernel_ = nullptr;
  ElementwiseArgs args_{};  // but for the pointers
  std::int64_t rows_ = 0;
  double value_nanoseconds_ = 0;
  bool by_value_ = false;
  Split split_;  // of values or of rows
  std::vector<float> scale_;
  std::vector<float> shift_;
};

class AddTableOperator final : public Operator {
 public:
  AddTableOperator(const Shape& shape, std::vector<float> table, const RunOptions& options)
      : Operator({{.shape = shape, .in_place = true}}, {{.shape = shape}}),
        table_(std::move(table)) {
    const KernelSet& kernels = find_kernels(options.isa);
    kernel_ = kernels.elementwise->add;
    sample_ = static_cast<std::int64_t>(table_.size());
    split_ = split_work(outputs_[0].size(), 2 * kPassNanoseconds,
                        checked_threads("add_table", options.threads), kPiece);
    start_workers(split_.threads);
    info_ = {.isa = kernels.name,
             .algorithm = "add_table",
             .threads = split_.threads,
             .operations = outputs_[0].size(),
             .packed_bytes = table_.size() * sizeof(float)};
  }

  void run(const void* const* inputs, void* const* outputs, void*) const noexcept override {
    const auto* const from = static_cast<const float*>(inputs[0]);
    auto* const to = static_cast<float*>(outputs[0]);
    run_split(split_, [&](unsigned, std::int64_t first, std::int64_t end) {
      while (first < end) {
        const std::int64_t at = first % sample_;
        const std::int64_t count = std::min(end - first, sample_ - at);
        const float* const both[] = {from + first, table_.data() + at};
        kernel_({.inputs = both,
                 .count = 2,
                 .output = to + first,
                 .rows = 1,
                 .width = count,
                 .low = Clamp{}.low,
                 .high = Clamp{}.high});
        first += count;
      }
    });
  }

 private:
  Elementwise kernel_ = nullptr;
  std::vector<float> table_;
  std::int64_t sample_ = 0;
  Split split_;  // of values
};

}  // namespace

std::unique_ptr<Operator> make_unary(const std::string& function, const ElementwiseShape& shape,
                                     Clamp clamp, float factor, const RunOptions& options) {
  auto made =
      std::make_unique<ElementwiseOperator>(find(kUnary, function), shape, 1, clamp, options);
  made->set_factor(factor);
  return made;
}

std::unique_ptr<Operator> make_combination(const std::string& operation,
                                           const ElementwiseShape& shape, std::int64_t count,
                                           Clamp clamp, const RunOptions& options) {
  constexpr std::int64_t kMostInputs = 1024;
  const Function& function = find(kCombinations, operation);
  check_range(function.name, "count", count, 1, kMostInputs);
  return std::make_unique<ElementwiseOperator>(function, shape, count, clamp, options);
}

std::unique_ptr<Operator> make_affine(const ElementwiseShape& shape, std::vector<float> scale,
                                      std::vector<float> shift, Clamp clamp,
                                      const RunOptions& options) {
  auto made = std::make_unique<ElementwiseOperator>(kAffine, shape, 1, clamp, options);
  const auto channels = static_cast<std::size_t>(shape.shape.back());
  if (scale.size() != channels || shift.size() != channels)
    refuse("affine", "scale and shift must have one value for each of the " +
                         std::to_string(channels) + " channels");
  made->set_affine(std::move(scale), std::move(shift));
  return made;
}

std::unique_ptr<Operator> make_add_table(const Shape& shape, std::vector<float> table,
                                         const RunOptions& options) {
  check_shape("add_table", shape);
  if (static_cast<std::int64_t>(table.size()) != product(shape, 1, shape.size()))
    refuse("add_table", "the table must have a value for each of a sample's: " +
                            std::to_string(product(shape, 1, shape.size())) + ", not " +
                            std::to_string(table.size()));
  return std::make_unique<AddTableOperator>(shape, std::move(table), options);
}

}  // namespace dnnaccel::kernels
