#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <vector>

#include "kernels/gemm/pack.hpp"
#include "kernels/operator.hpp"

// A whole network as a list of operators over one stretch of memory.
namespace dnnaccel::runtime {

/// Where an operand of a step lies.
struct Place {
  enum class Kind : std::uint8_t {
    none,    // nowhere: an operand that may be left out
    input,   // in the program's input `index`
    output,  // in the program's output `index`
    arena,   // in the program's own memory
  };
  Kind kind = Kind::none;
  std::size_t index = 0;
  std::int64_t offset = 0;  // bytes from the beginning
};

struct Step {
  std::shared_ptr<const kernels::Operator> op;
  std::vector<Place> inputs;
  std::vector<Place> outputs;
};

/// What a run notes about each step, if asked: arrays of as many entries as there are steps.
struct Notes {
  double* seconds = nullptr;      // added to
  std::int64_t* zeros = nullptr;  // values of the first output that are zero
};

class Program {
 public:
  /// Bytes of each input and output are those that the caller brings. Throws std::invalid_argument
  /// for a step whose places do not fit its operator or lie outside what they are in.
  Program(std::vector<Step> steps, std::vector<std::int64_t> input_bytes,
          std::vector<std::int64_t> output_bytes, std::int64_t arena_bytes);

  /// Run all steps in order. One run at a time: it uses the program's own memory. Allocates
  /// nothing. `poll`, if there is one, is called between steps, some twenty times a second, and may
  /// throw to end the run.
  void run(const void* const* inputs, void* const* outputs, const Notes& notes,
           const std::function<void()>& poll);

  const std::vector<Step>& steps() const { return steps_; }
  std::int64_t arena_bytes() const { return arena_bytes_; }
  /// Memory that the steps work in, one after the other.
  std::size_t scratch_bytes() const { return scratch_bytes_; }
  std::size_t packed_bytes() const;

 private:
  /// A pointer that depends on the caller's arrays.
  struct Patch {
    std::size_t slot;
    std::size_t index;
    std::int64_t offset;
  };

  void add(const Place& place, const kernels::TensorSpec& spec, bool written);
  void check_apart(std::size_t step) const;

  std::vector<Step> steps_;
  std::vector<std::int64_t> input_bytes_;
  std::vector<std::int64_t> output_bytes_;
  std::int64_t arena_bytes_;
  std::size_t scratch_bytes_ = 0;
  kernels::AlignedFloats arena_;
  kernels::AlignedFloats scratch_;
  // Operands of all steps, one after the other: those that are read, and those that are written.
  std::vector<const void*> reads_;
  std::vector<void*> writes_;
  std::vector<std::array<std::size_t, 2>> first_;  // by step: its first of each
  std::vector<Patch> read_inputs_;
  std::vector<Patch> read_outputs_;
  std::vector<Patch> write_outputs_;
};

}  // namespace dnnaccel::runtime
