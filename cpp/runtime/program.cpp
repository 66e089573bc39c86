#include "runtime/program.hpp"

#include <algorithm>
#include <chrono>
#include <stdexcept>
#include <string>
#include <utility>

namespace dnnaccel::runtime {

namespace {

using kernels::Element;
using kernels::TensorSpec;
using Clock = std::chrono::steady_clock;

constexpr auto kPollPeriod = std::chrono::milliseconds(50);

/// Bytes from a tensor's first value to behind its last.
std::int64_t reach(const TensorSpec& spec) {
  const std::int64_t values = spec.size();
  if (values == 0) return 0;
  const std::int64_t row = spec.shape.empty() ? 1 : spec.shape.back();
  return ((values / row - 1) * spec.step() + row) *
         static_cast<std::int64_t>(kernels::size_of(spec.element));
}

std::size_t floats(std::int64_t bytes) { return static_cast<std::size_t>(bytes + 3) / 4; }

template <class Value>
std::int64_t zeros_of(const void* data, const TensorSpec& spec) {
  const auto* values = static_cast<const Value*>(data);
  const std::int64_t row = spec.shape.empty() ? 1 : spec.shape.back();
  const std::int64_t rows = row == 0 ? 0 : spec.size() / row;
  std::int64_t zeros = 0;
  for (std::int64_t r = 0; r < rows; ++r) {
    const Value* const at = values + r * spec.step();
    for (std::int64_t i = 0; i < row; ++i) zeros += at[i] == Value{0};
  }
  return zeros;
}

std::int64_t count_zeros(const void* data, const TensorSpec& spec) {
  switch (spec.element) {
    case Element::float32:
      return zeros_of<float>(data, spec);
    case Element::int32:
      return zeros_of<std::int32_t>(data, spec);
    case Element::int8:
      return zeros_of<std::int8_t>(data, spec);
    case Element::uint8:
      return zeros_of<std::uint8_t>(data, spec);
    case Element::bfloat16:
      break;
  }
  return zeros_of<std::uint16_t>(data, spec);
}

}  // namespace

Program::Program(std::vector<Step> steps, std::vector<std::int64_t> input_bytes,
                 std::vector<std::int64_t> output_bytes, std::int64_t arena_bytes)
    : steps_(std::move(steps)),
      input_bytes_(std::move(input_bytes)),
      output_bytes_(std::move(output_bytes)),
      arena_bytes_(arena_bytes) {
  if (arena_bytes < 0) throw std::invalid_argument("the arena's bytes must not be negative");
  arena_ = kernels::AlignedFloats(floats(arena_bytes));
  for (std::size_t i = 0; i < steps_.size(); ++i) {
    const Step& step = steps_[i];
    if (step.op == nullptr || step.inputs.size() != step.op->inputs().size() ||
        step.outputs.size() != step.op->outputs().size())
      throw std::invalid_argument("step " + std::to_string(i) +
                                  " must have a place for each input and output of its operator");
    scratch_bytes_ = std::max(scratch_bytes_, step.op->info().scratch_bytes);
    first_.push_back({reads_.size(), writes_.size()});
    try {
      for (std::size_t k = 0; k < step.inputs.size(); ++k)
        add(step.inputs[k], step.op->inputs()[k], /*written=*/false);
      for (std::size_t k = 0; k < step.outputs.size(); ++k)
        add(step.outputs[k], step.op->outputs()[k], /*written=*/true);
      check_apart(i);
    } catch (const std::invalid_argument& error) {
      throw std::invalid_argument("step " + std::to_string(i) + ": " + error.what());
    }
  }
  scratch_ = kernels::AlignedFloats((scratch_bytes_ + 3) / 4);
}

void Program::add(const Place& place, const TensorSpec& spec, bool written) {
  const std::size_t slot = written ? writes_.size() : reads_.size();
  std::byte* at = nullptr;
  std::int64_t room = 0;
  switch (place.kind) {
    case Place::Kind::none:
      if (!spec.optional) throw std::invalid_argument("an operand that it needs lies nowhere");
      break;
    case Place::Kind::input:
      if (written) throw std::invalid_argument("it must not write into an input of the program");
      room = input_bytes_.at(place.index);
      read_inputs_.push_back({slot, place.index, place.offset});
      break;
    case Place::Kind::output:
      room = output_bytes_.at(place.index);
      (written ? write_outputs_ : read_outputs_).push_back({slot, place.index, place.offset});
      break;
    case Place::Kind::arena:
      room = arena_bytes_;
      at = reinterpret_cast<std::byte*>(arena_.data()) + place.offset;
      break;
  }
  const auto size = static_cast<std::int64_t>(kernels::size_of(spec.element));
  if (place.kind != Place::Kind::none &&
      (place.offset < 0 || place.offset % size != 0 || reach(spec) > room - place.offset))
    throw std::invalid_argument("an operand of " + std::to_string(reach(spec)) + " bytes at " +
                                std::to_string(place.offset) + " does not fit into " +
                                std::to_string(room));
  if (written) {
    writes_.push_back(at);
  } else {
    reads_.push_back(at);
  }
}

void Program::check_apart(std::size_t index) const {
  const Step& step = steps_[index];
  const auto end = [](const Place& place, const TensorSpec& spec) {
    return place.offset + reach(spec);
  };
  for (std::size_t o = 0; o < step.outputs.size(); ++o) {
    const Place& out = step.outputs[o];
    const TensorSpec& written = step.op->outputs()[o];
    for (std::size_t i = 0; i < step.inputs.size(); ++i) {
      const Place& in = step.inputs[i];
      const TensorSpec& spec = step.op->inputs()[i];
      if (in.kind != out.kind || in.kind == Place::Kind::none || in.index != out.index) continue;
      if (in.offset >= end(out, written) || out.offset >= end(in, spec)) continue;
      // Vectors of two slices of one tensor lie between each other.
      const auto size = static_cast<std::int64_t>(kernels::size_of(spec.element));
      if (spec.step() == written.step() && !spec.dense() && spec.element == written.element) {
        const std::int64_t ahead = (out.offset - in.offset) / size;
        const std::int64_t lane = (ahead % spec.step() + spec.step()) % spec.step();
        if (lane >= spec.shape.back() && lane + written.shape.back() <= spec.step()) continue;
      }
      if (spec.in_place && o == 0 && in.offset == out.offset) continue;
      throw std::invalid_argument("its output overlaps an input");
    }
  }
}

void Program::run(const void* const* inputs, void* const* outputs, const Notes& notes,
                  const std::function<void()>& poll) {
  for (const Patch& patch : read_inputs_)
    reads_[patch.slot] = static_cast<const std::byte*>(inputs[patch.index]) + patch.offset;
  for (const Patch& patch : read_outputs_)
    reads_[patch.slot] = static_cast<const std::byte*>(outputs[patch.index]) + patch.offset;
  for (const Patch& patch : write_outputs_)
    writes_[patch.slot] = static_cast<std::byte*>(outputs[patch.index]) + patch.offset;
  auto last_poll = Clock::now();
  auto began = last_poll;
  for (std::size_t i = 0; i < steps_.size(); ++i) {
    const kernels::Operator& op = *steps_[i].op;
    void* const* const written = writes_.data() + first_[i][1];
    op.run(reads_.data() + first_[i][0], written, scratch_.data());
    const auto ended = Clock::now();
    if (notes.seconds != nullptr)
      notes.seconds[i] += std::chrono::duration<double>(ended - began).count();
    began = ended;
    if (notes.zeros != nullptr) {
      notes.zeros[i] = count_zeros(written[0], op.outputs()[0]);
      began = Clock::now();
    }
    if (poll && ended - last_poll >= kPollPeriod) {
      poll();
      last_poll = began = Clock::now();
    }
  }
}

std::size_t Program::packed_bytes() const {
  std::vector<const kernels::Operator*> ops;
  for (const Step& step : steps_) ops.push_back(step.op.get());
  std::sort(ops.begin(), ops.end());
  ops.erase(std::unique(ops.begin(), ops.end()), ops.end());
  std::size_t bytes = 0;
  for (const kernels::Operator* op : ops) bytes += op->info().packed_bytes;
  return bytes;
}

}  // namespace dnnaccel::runtime
