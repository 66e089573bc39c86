#include "kernels/int8/operators.hpp"

#include <algorithm>
#include <utility>

#include "kernels/int8/epilogue.hpp"
#include "kernels/int8/values.hpp"
#include "kernels/split.hpp"

namespace dnnaccel::kernels {

namespace {

/// What a value takes, about.
constexpr double kValueNanoseconds = 0.05;

TensorSpec spec(const char* who, const char* name, Element element, Shape shape,
                std::int64_t pitch) {
  check_shape(who, shape);
  const std::int64_t step = checked_pitch(who, name, shape, pitch);
  return {.element = element, .shape = std::move(shape), .pitch = step};
}

/// Vectors along the last axis: one long one if all tensors are dense.
struct Lines {
  std::int64_t count;
  std::int64_t length;
};

Lines lines_of(const std::vector<TensorSpec>& inputs, const TensorSpec& output) {
  const std::int64_t size = output.size();
  const bool dense = output.dense() && std::all_of(inputs.begin(), inputs.end(),
                                                   [](const TensorSpec& s) { return s.dense(); });
  if (size == 0) return {0, 0};
  if (dense || output.shape.empty()) return {1, size};
  return {size / output.shape.back(), output.shape.back()};
}

/// A job that is cut within its lines if there is only one, and else between them.
class ByLines {
 public:
  ByLines(const std::vector<TensorSpec>& inputs, const TensorSpec& output, unsigned threads)
      : lines_(lines_of(inputs, output)) {
    constexpr std::int64_t kValues = 64;  // pieces of a line are multiples of so many
    const bool one = lines_.count == 1;
    split_ = split_work(one ? lines_.length : lines_.count,
                        kValueNanoseconds * static_cast<double>(one ? 1 : lines_.length), threads,
                        one ? kValues : 1);
    start_workers(split_.threads);
  }

  unsigned threads() const { return split_.threads; }

  /// Calls work(line, first value in it, values).
  template <class Work>
  void run(const Work& work) const noexcept {
    if (lines_.count == 0) return;
    run_split(split_, [&](unsigned, std::int64_t first, std::int64_t end) {
      if (lines_.count == 1) return work(std::int64_t{0}, first, end - first);
      for (std::int64_t line = first; line < end; ++line)
        work(line, std::int64_t{0}, lines_.length);
    });
  }

 private:
  Lines lines_;
  Split split_;
};

class QuantizeOperator final : public Operator {
 public:
  QuantizeOperator(const Shape& input, float factor, Quantisation output, std::int64_t x_pitch,
                   std::int64_t out_pitch, const RunOptions& options)
      : Operator({spec("quantize", "x_pitch", Element::float32, input, x_pitch)},
                 {spec("quantize", "out_pitch", output.element, input, out_pitch)}),
        lines_(inputs_, outputs_[0], checked_threads("quantize", options.threads)) {
    const Int8Range range = int8_range("quantize", "the outputs", output);
    check_multiplier("quantize", "the factor", factor);
    const KernelSet& kernels = find_kernels(options.isa);
    kernel_ = kernels.int8_values->quantize;
    job_ = {.factor = factor,
            .zero = output.zero,
            .low = static_cast<float>(range.low - output.zero),
            .high = static_cast<float>(range.high - output.zero)};
    info_ = {.isa = kernels.name,
             .algorithm = "quantize",
             .threads = lines_.threads(),
             .operations = inputs_[0].size()};
  }

  void run(const void* const* inputs, void* const* outputs, void*) const noexcept override {
    lines_.run([&](std::int64_t line, std::int64_t first, std::int64_t values) {
      Int8Quantize job = job_;
      job.input = static_cast<const float*>(inputs[0]) + line * inputs_[0].step() + first;
      job.output = static_cast<std::uint8_t*>(outputs[0]) + line * outputs_[0].step() + first;
      job.length = values;
      kernel_(job);
    });
  }

 private:
  ByLines lines_;
  Int8Quantize job_{};
  void (*kernel_)(const Int8Quantize&) noexcept = nullptr;
};

constexpr std::size_t kMostInputs = 16;

std::vector<TensorSpec> input_specs(const Shape& shape, const std::vector<Int8Input>& inputs,
                                    Element output) {
  if (inputs.empty() || inputs.size() > kMostInputs)
    refuse("sum of int8", "there must be from 1 to " + std::to_string(kMostInputs) +
                              " inputs, not " + std::to_string(inputs.size()));
  std::vector<TensorSpec> specs;
  for (const Int8Input& input : inputs) {
    specs.push_back(spec("sum of int8", "x_pitch", input.quantisation.element, shape, input.pitch));
    specs.back().in_place = size_of(output) == 1;
  }
  return specs;
}

class CombineOperator final : public Operator {
 public:
  CombineOperator(const Shape& shape, const std::vector<Int8Input>& inputs,
                  const Int8Epilogue& epilogue, std::int64_t out_pitch, const RunOptions& options)
      : Operator(input_specs(shape, inputs, epilogue.element),
                 {spec("sum of int8", "out_pitch", epilogue.element, shape, out_pitch)}),
        lines_(inputs_, outputs_[0], checked_threads("sum of int8", options.threads)) {
    if (epilogue.element == Element::int32)
      refuse("sum of int8", "the outputs must be of uint8, int8 or float32");
    const Int8Tile tile = make_epilogue("sum of int8", epilogue);
    for (std::size_t i = 0; i < inputs.size(); ++i) {
      // As of one memory, an input is the outputs only where their vectors are as far apart.
      inputs_[i].in_place = inputs_[i].in_place && inputs_[i].step() == outputs_[0].step();
      const Quantisation& from = inputs[i].quantisation;
      int8_range("sum of int8", "an input", from);
      check_multiplier("sum of int8", "each multiplier", inputs[i].multiplier);
      operands_.push_back({.values = nullptr,
                           .flip = flip_of(from),
                           .zero = unsigned_zero(from),
                           .multiplier = inputs[i].multiplier});
    }
    const KernelSet& kernels = find_kernels(options.isa);
    kernel_ = kernels.int8_values->combine;
    job_ = {.count = static_cast<int>(inputs.size()),
            .floats = tile.kind == Int8Output::float32,
            .zero = tile.zero,
            .low = tile.low,
            .high = tile.high};
    info_ = {.isa = kernels.name,
             .algorithm = "sum",
             .threads = lines_.threads(),
             .operations = outputs_[0].size() * static_cast<std::int64_t>(inputs.size())};
  }

  void run(const void* const* inputs, void* const* outputs, void*) const noexcept override {
    const auto size = static_cast<std::int64_t>(size_of(outputs_[0].element));
    lines_.run([&](std::int64_t line, std::int64_t first, std::int64_t values) {
      Int8Operand operands[kMostInputs];
      for (std::size_t i = 0; i < operands_.size(); ++i) {
        operands[i] = operands_[i];
        operands[i].values =
            static_cast<const std::uint8_t*>(inputs[i]) + line * inputs_[i].step() + first;
      }
      Int8Combine job = job_;
      job.operands = operands;
      job.output =
          static_cast<std::uint8_t*>(outputs[0]) + (line * outputs_[0].step() + first) * size;
      job.length = values;
      kernel_(job);
    });
  }

 private:
  ByLines lines_;
  std::vector<Int8Operand> operands_;  // without their values
  Int8Combine job_{};
  void (*kernel_)(const Int8Combine&) noexcept = nullptr;
};

}  // namespace

std::unique_ptr<Operator> make_quantize(const Shape& input, float factor, Quantisation output,
                                        std::int64_t x_pitch, std::int64_t out_pitch,
                                        const RunOptions& options) {
  return std::make_unique<QuantizeOperator>(input, factor, output, x_pitch, out_pitch, options);
}

std::unique_ptr<Operator> make_combine(const Shape& shape, const std::vector<Int8Input>& inputs,
                                       const Int8Epilogue& epilogue, std::int64_t out_pitch,
                                       const RunOptions& options) {
  return std::make_unique<CombineOperator>(shape, inputs, epilogue, out_pitch, options);
}

}  // namespace dnnaccel::kernels
