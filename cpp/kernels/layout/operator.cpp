#include "kernels/layout/operator.hpp"

#include <algorithm>
#include <utility>

#include "kernels/layout/copy.hpp"
#include "kernels/split.hpp"

namespace dnnaccel::kernels {

namespace {

/// Copies from inputs, or from values of its own, into one output.
class LayoutOperator final : public Operator {
 public:
  struct Part {
    std::int64_t input;  // -1: the operator's own values
    std::int64_t from;   // the first value
    std::int64_t to;
    StridedCopy copy;
  };

  LayoutOperator(const char* algorithm, const KernelSet& kernels, const std::vector<Shape>& inputs,
                 Shape output, std::vector<Part> parts, std::vector<float> values = {})
      : Operator(specs(inputs), {{.shape = std::move(output)}}),
        parts_(std::move(parts)),
        values_(std::move(values)) {
    info_ = {.isa = kernels.name,
             .algorithm = algorithm,
             .packed_bytes = values_.size() * sizeof(float)};
    for (const Part& part : parts_) info_.threads = std::max(info_.threads, part.copy.threads());
    info_.operations = outputs_[0].size();
  }

  void run(const void* const* inputs, void* const* outputs, void*) const noexcept override {
    auto* const to = static_cast<float*>(outputs[0]);
    for (const Part& part : parts_) {
      const auto* const from =
          part.input < 0 ? values_.data() : static_cast<const float*>(inputs[part.input]);
      part.copy.run(from + part.from, to + part.to);
    }
  }

 private:
  static std::vector<TensorSpec> specs(const std::vector<Shape>& shapes) {
    std::vector<TensorSpec> all;
    for (const Shape& shape : shapes) all.push_back({.shape = shape});
    return all;
  }

  std::vector<Part> parts_;
  std::vector<float> values_;
};

using Part = LayoutOperator::Part;

/// Values from one in row-major order to the next of the same axis.
std::vector<std::int64_t> strides(const Shape& shape) {
  std::vector<std::int64_t> steps(shape.size(), 1);
  for (std::size_t axis = shape.size() - 1; axis-- > 0;)
    steps[axis] = steps[axis + 1] * shape[axis + 1];
  return steps;
}

}  // namespace

std::unique_ptr<Operator> make_concat(const std::vector<Shape>& shapes, std::int64_t axis,
                                      const RunOptions& options) {
  constexpr const char* kWho = "concat";
  const KernelSet& kernels = find_kernels(options.isa);
  const unsigned threads = checked_threads(kWho, options.threads);
  constexpr std::size_t kMostInputs = 1024;
  if (shapes.empty() || shapes.size() > kMostInputs)
    refuse(kWho, "takes from 1 to 1024 inputs, not " + std::to_string(shapes.size()));
  for (const Shape& shape : shapes) check_shape(kWho, shape);
  Shape output = shapes[0];
  const std::size_t at = checked_axis(kWho, output, axis);
  output[at] = 0;
  for (const Shape& shape : shapes) {
    Shape other = shape;
    if (other.size() > at) other[at] = shapes[0][at];
    if (other != shapes[0])
      refuse(kWho, text(shape) + " does not meet " + text(shapes[0]) + ": only axis " +
                       std::to_string(at) + " may differ");
    output[at] += shape[at];
  }
  check_shape(kWho, output);
  const std::int64_t outer = product(output, 0, at);
  const std::int64_t inner = product(output, at + 1, output.size());
  std::vector<Part> parts;
  std::int64_t to = 0;
  for (std::size_t i = 0; i < shapes.size(); ++i) {
    const std::int64_t row = shapes[i][at] * inner;
    parts.push_back(
        {static_cast<std::int64_t>(i), 0, to,
         StridedCopy({{outer, row, output[at] * inner}, {row, 1, 1}}, kernels, threads)});
    to += row;
  }
  return std::make_unique<LayoutOperator>(kWho, kernels, shapes, std::move(output),
                                          std::move(parts));
}

std::unique_ptr<Operator> make_permute(const Shape& shape, const std::vector<std::int64_t>& axes,
                                       const RunOptions& options) {
  constexpr const char* kWho = "permute";
  const KernelSet& kernels = find_kernels(options.isa);
  const unsigned threads = checked_threads(kWho, options.threads);
  check_shape(kWho, shape);
  std::vector<bool> seen(shape.size(), false);
  for (const std::int64_t axis : axes) {
    if (axis < 0 || axis >= static_cast<std::int64_t>(shape.size()) ||
        seen[static_cast<std::size_t>(axis)])
      refuse(kWho, "axes " + text(axes) + " must name every axis of " + text(shape) + " once");
    seen[static_cast<std::size_t>(axis)] = true;
  }
  if (axes.size() != shape.size())
    refuse(kWho, "axes " + text(axes) + " must name every axis of " + text(shape) + " once");
  Shape output;
  for (const std::int64_t axis : axes) output.push_back(shape[static_cast<std::size_t>(axis)]);
  const std::vector<std::int64_t> from = strides(shape);
  const std::vector<std::int64_t> to = strides(output);
  std::vector<CopyAxis> copied;
  for (std::size_t i = 0; i < axes.size(); ++i)
    copied.push_back({output[i], from[static_cast<std::size_t>(axes[i])], to[i]});
  std::vector<Part> parts;
  parts.push_back({0, 0, 0, StridedCopy(std::move(copied), kernels, threads)});
  return std::make_unique<LayoutOperator>(kWho, kernels, std::vector<Shape>{shape},
                                          std::move(output), std::move(parts));
}

std::unique_ptr<Operator> make_slice(const Shape& shape, std::int64_t axis, std::int64_t start,
                                     std::int64_t stop, const RunOptions& options) {
  constexpr const char* kWho = "slice";
  const KernelSet& kernels = find_kernels(options.isa);
  const unsigned threads = checked_threads(kWho, options.threads);
  check_shape(kWho, shape);
  const std::size_t at = checked_axis(kWho, shape, axis);
  if (start < 0 || start > stop || stop > shape[at])
    refuse(kWho, std::to_string(start) + ".." + std::to_string(stop) + " is no part of axis " +
                     std::to_string(at) + " of " + text(shape));
  Shape output = shape;
  output[at] = stop - start;
  const std::int64_t outer = product(shape, 0, at);
  const std::int64_t inner = product(shape, at + 1, shape.size());
  const std::int64_t row = output[at] * inner;
  std::vector<Part> parts;
  parts.push_back({0, start * inner, 0,
                   StridedCopy({{outer, shape[at] * inner, row}, {row, 1, 1}}, kernels, threads)});
  return std::make_unique<LayoutOperator>(kWho, kernels, std::vector<Shape>{shape},
                                          std::move(output), std::move(parts));
}

std::unique_ptr<Operator> make_pad(const Shape& shape, const Border& border,
                                   const RunOptions& options) {
  constexpr const char* kWho = "pad";
  const KernelSet& kernels = find_kernels(options.isa);
  const unsigned threads = checked_threads(kWho, options.threads);
  check_rank(kWho, shape, 4);
  check_range(kWho, "rows at the top", border.top, 0);
  check_range(kWho, "rows at the bottom", border.bottom, 0);
  check_range(kWho, "columns at the left", border.left, 0);
  check_range(kWho, "columns at the right", border.right, 0);
  Shape output = shape;
  output[1] += border.top + border.bottom;
  output[2] += border.left + border.right;
  check_shape(kWho, output);
  const std::vector<std::int64_t> from = strides(shape);
  const std::vector<std::int64_t> to = strides(output);
  const std::int64_t image = border.top * to[1];  // the image's first row
  std::vector<CopyAxis> copied;
  for (std::size_t axis = 0; axis < 4; ++axis)
    copied.push_back({shape[axis], from[axis], to[axis]});
  std::vector<Part> parts;
  parts.push_back(
      {0, 0, image + border.left * to[2], StridedCopy(std::move(copied), kernels, threads)});
  // Zeros: whole rows above and below, and what is before and behind each of the image's rows.
  std::int64_t most = 0;
  const auto add_zeros = [&](std::int64_t first, std::int64_t rows, std::int64_t values) {
    if (rows * values == 0) return;
    most = std::max(most, values);
    parts.push_back(
        {-1, 0, first,
         StridedCopy({{shape[0], 0, to[0]}, {rows, 0, to[1]}, {values, 1, 1}}, kernels, threads)});
  };
  add_zeros(0, 1, border.top * to[1]);
  add_zeros(image + shape[1] * to[1], 1, border.bottom * to[1]);
  add_zeros(image, shape[1], border.left * to[2]);
  add_zeros(image + (border.left + shape[2]) * to[2], shape[1], border.right * to[2]);
  return std::make_unique<LayoutOperator>(kWho, kernels, std::vector<Shape>{shape},
                                          std::move(output), std::move(parts),
                                          std::vector<float>(static_cast<std::size_t>(most)));
}

std::unique_ptr<Operator> make_shuffle(const Shape& shape, std::int64_t groups,
                                       const RunOptions& options) {
  constexpr const char* kWho = "shuffle";
  const KernelSet& kernels = find_kernels(options.isa);
  const unsigned threads = checked_threads(kWho, options.threads);
  check_shape(kWho, shape);
  check_range(kWho, "groups", groups, 1);
  const std::int64_t channels = shape.back();
  if (channels % groups != 0)
    refuse(kWho, std::to_string(channels) + " channels do not divide into " +
                     std::to_string(groups) + " groups");
  const std::int64_t pixels = product(shape, 0, shape.size() - 1);
  const std::int64_t each = channels / groups;
  std::vector<Part> parts;
  parts.push_back({0, 0, 0,
                   StridedCopy({{pixels, channels, channels}, {each, 1, groups}, {groups, each, 1}},
                               kernels, threads)});
  return std::make_unique<LayoutOperator>(kWho, kernels, std::vector<Shape>{shape}, shape,
                                          std::move(parts));
}

std::unique_ptr<Operator> make_prepend(const Shape& shape, std::vector<float> vector,
                                       const RunOptions& options) {
  constexpr const char* kWho = "prepend";
  const KernelSet& kernels = find_kernels(options.isa);
  const unsigned threads = checked_threads(kWho, options.threads);
  check_rank(kWho, shape, 3);
  const std::int64_t features = shape[2];
  if (static_cast<std::int64_t>(vector.size()) != features)
    refuse(kWho, "the vector must have " + std::to_string(features) + " values, not " +
                     std::to_string(vector.size()));
  const Shape output{shape[0], shape[1] + 1, features};
  const std::int64_t from = shape[1] * features;
  const std::int64_t to = output[1] * features;
  std::vector<Part> parts;
  parts.push_back({-1, 0, 0, StridedCopy({{shape[0], 0, to}, {features, 1, 1}}, kernels, 1)});
  parts.push_back(
      {0, 0, features, StridedCopy({{shape[0], from, to}, {from, 1, 1}}, kernels, threads)});
  return std::make_unique<LayoutOperator>(kWho, kernels, std::vector<Shape>{shape}, output,
                                          std::move(parts), std::move(vector));
}

}  // namespace dnnaccel::kernels
