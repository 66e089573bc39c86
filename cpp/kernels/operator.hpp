#pragma once

#include <cstddef>
#include <cstdint>
#include <utility>
#include <vector>

// What every kernel looks like from outside: made once for given shapes, run often. Python's plans
// hold one, and the runtime's programs are lists of them.
namespace dnnaccel::kernels {

using Shape = std::vector<std::int64_t>;

/// How a value is stored. A bfloat16 is the upper half of a float32.
enum class Element : std::uint8_t { float32, bfloat16, uint8, int8, int32 };

constexpr std::size_t size_of(Element element) {
  constexpr std::size_t kSizes[] = {4, 2, 1, 1, 4};
  return kSizes[static_cast<std::size_t>(element)];
}

/// What an operator reads or writes: values in row-major order, of which each vector along the last
/// axis begins `pitch` values after the one before it. A pitch beyond the last axis is a slice of
/// the channels of a wider tensor: so a concatenation is written where it belongs.
struct TensorSpec {
  Element element = Element::float32;
  Shape shape;
  std::int64_t pitch = 0;  // 0: the size of the last axis
  bool optional = false;   // may be a null pointer
  bool in_place = false;   // of an input: the first output may be the same memory

  std::int64_t size() const {
    std::int64_t values = 1;
    for (const std::int64_t axis : shape) values *= axis;
    return values;
  }
  std::int64_t step() const { return pitch != 0 || shape.empty() ? pitch : shape.back(); }
  bool dense() const { return shape.empty() || step() == shape.back(); }
};

/// How an operator cuts its work, for a model of what that takes.
struct Blocking {
  std::int64_t pixels = 0;    // computed for one panel after the other; 0: it does not say
  std::int64_t channels = 0;  // output channels of a panel
  std::int64_t rows = 0;      // weights of an output channel that a pass over the pixels takes
  std::int64_t tile = 0;      // pixels in registers
};

/// What an operator says of itself.
struct OperatorInfo {
  const char* isa = "portable";
  const char* algorithm = "";
  unsigned threads = 1;          // that a run may use
  std::int64_t macs = 0;         // multiply-accumulates of one run
  std::int64_t operations = 0;   // of another kind: additions, comparisons, functions
  std::size_t packed_bytes = 0;  // of weights, as they are kept
  std::size_t scratch_bytes = 0;
  Blocking blocking = {};
};

class Operator {
 public:
  Operator(const Operator&) = delete;
  Operator& operator=(const Operator&) = delete;
  virtual ~Operator() = default;

  const std::vector<TensorSpec>& inputs() const { return inputs_; }
  const std::vector<TensorSpec>& outputs() const { return outputs_; }
  const OperatorInfo& info() const { return info_; }

  /// Compute the outputs. Pointers are aligned to their values, and the outputs lie apart from the
  /// inputs but for those that are `in_place`. `scratch` has info().scratch_bytes bytes, begins at
  /// a cache line, and is no other run's at the same time. Allocates nothing and does not throw:
  /// what can be wrong is refused when the operator is made. May be called from several threads at
  /// once; gives the same bits whatever the number of threads.
  virtual void run(const void* const* inputs, void* const* outputs,
                   void* scratch) const noexcept = 0;

 protected:
  Operator(std::vector<TensorSpec> inputs, std::vector<TensorSpec> outputs)
      : inputs_(std::move(inputs)), outputs_(std::move(outputs)) {}

  std::vector<TensorSpec> inputs_;
  std::vector<TensorSpec> outputs_;
  OperatorInfo info_;
};

}  // namespace dnnaccel::kernels
