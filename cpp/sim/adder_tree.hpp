#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <span>
#include <vector>

#include "arch/architecture.hpp"
#include "mapping/mapping.hpp"
#include "problem/problem.hpp"
#include "sim/array.hpp"
#include "sim/steps.hpp"
#include "sim/tree_clock.hpp"
#include "sim/tree_shape.hpp"
#include "sim/tree_trace.hpp"
#include "sim/tree_values.hpp"
#include "sim/tree_words.hpp"

namespace dnnaccel::sim {

struct TreeOptions {
  int array = -1;           ///< level of the array; -1: the innermost one
  std::uint32_t gates = 0;  ///< operands whose zeros keep a multiplier still
  TraceWriter* trace = nullptr;
  std::uint64_t trace_window = 1;  ///< cycles over which a trace takes the mean of products
};

/// What the time of a run is made of: cycles = steps + waits + depth - 1.
struct TreeTime {
  std::uint64_t folds = 0;
  std::uint64_t steps = 0;    ///< positions of the nest, one a cycle
  std::uint64_t depth = 0;    ///< stages from a multiplier to the sum it ends in
  tree::StallCycles waits{};  ///< cycles that the whole array stood still, by cause
};

/// Rows of multipliers and an adder tree for each column, as in NVDLA and DianNao.
///
/// The rows spread dims that are summed over, the columns dims of the outputs. Every cycle one
/// position of the nest enters the multipliers: inputs are broadcast along the columns that want
/// them, weights come from a register in each element or, where there is none, from the memory
/// above, and the sum of a column is added, `tree::depth_of` stages later, to what the innermost
/// memory above that keeps outputs has. Registers are loaded through the read port of the weight
/// memory: double-buffered ones with what the steps of the fold before leave of it, others after
/// these steps.
///
/// A fold is a run of steps that leave the tiles of the memories above, and the weights in the
/// registers, where they are. Folds follow each other in the pipeline without a gap.
class AdderTreeArray final : public CycleArray {
 public:
  /// Throws std::domain_error if this array cannot hold the mapping, std::invalid_argument if the
  /// request is none. All that is given must outlive the array.
  template <typename T>
  AdderTreeArray(const problem::Problem& problem, const arch::Architecture& architecture,
                 const mapping::Mapping& mapping, const Tensors<T>& tensors,
                 const TreeOptions& options = {})
      : AdderTreeArray(problem, architecture, mapping, options) {
    if (tensors.outputs == nullptr) return;
    values_ = tree::make_values(problem, shape_, tensors, options.gates);
  }

  AdderTreeArray(const AdderTreeArray&) = delete;  // its parts look at each other
  AdderTreeArray& operator=(const AdderTreeArray&) = delete;

  [[nodiscard]] std::size_t outer_loops() const override { return shape_.outer; }
  FoldTime fold(const Chunks& chunks, std::uint64_t ready) override;
  void finish() override;
  [[nodiscard]] const ArrayRun& run() const override { return run_; }

  [[nodiscard]] const TreeTime& time() const { return time_; }
  [[nodiscard]] const mapping::Nest& nest() const { return nest_; }

 private:
  /// The elements that a step has work for, and what happened in steps that have the same.
  struct Pattern {
    tree::AliveDigits alive;
    tree::LanesAtWork lanes;
    std::uint64_t steps = 0;
    std::uint64_t first = kNever;
    std::uint64_t last = 0;
    tree::StallCycles stalled{};
  };

  AdderTreeArray(const problem::Problem& problem, const arch::Architecture& architecture,
                 const mapping::Mapping& mapping, const TreeOptions& options);

  void find_pattern();
  [[nodiscard]] Pattern make_pattern() const;
  void place(const Chunks& inner);
  std::uint64_t begin_fold(const Chunks& chunks, std::uint64_t ready);
  void step(const Chunks& base);
  void settle(Pattern& pattern);

  const problem::Problem& problem_;
  mapping::Nest nest_;
  tree::Shape shape_;
  std::vector<std::size_t> summed_;  ///< dims over which sums run
  Steps outside_;                    ///< loops of a fold outside the array
  Steps inside_;                     ///< loops inside the elements
  Chunks before_{};                  ///< what the array cuts
  tree::Clock clock_;
  tree::FetchedWords inputs_;
  tree::FetchedWords weights_;
  tree::RegisterWords registers_;
  std::unique_ptr<tree::Values> values_;

  std::vector<tree::SpreadPosition> position_;  ///< by spread
  std::map<std::vector<std::int64_t>, Pattern> patterns_;
  Pattern* pattern_ = nullptr;
  std::uint64_t versions_ = 0;

  std::unique_ptr<tree::Trace> trace_;

  ArrayRun run_;
  TreeTime time_;
};

}  // namespace dnnaccel::sim
