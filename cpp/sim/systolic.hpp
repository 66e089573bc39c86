#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <vector>

#include "sim/array.hpp"
#include "sim/systolic_activity.hpp"
#include "sim/systolic_array.hpp"
#include "sim/systolic_fold.hpp"
#include "sim/systolic_plan.hpp"
#include "sim/systolic_trace.hpp"

/// The systolic array of a chip, under a mapping.
namespace dnnaccel::sim {

struct SystolicArrayOptions {
  bool activity = false;
  std::uint32_t waiting = 0;  ///< bit d is set if the positions of dim d wait for each other
  std::function<void(std::uint64_t)> watch;  ///< called with the MACs so far; may throw to stop
  TraceWriter* trace = nullptr;              ///< takes what happens; whoever gives it finishes it
  std::uint64_t trace_window = 1;            ///< cycles of one point of a trace's curve
};

/// A fold is a stationary tile and all that streams past it; see SystolicPlan for what one is.
///
/// Each element holds one word; with a double-buffered memory in the elements the next tile is
/// shifted in while the present one is used, and otherwise when the array is empty (SystolicClock
/// has the cycles). The nest has one step per step of a stream, so that with S steps in F folds of
/// at most r x c elements the cycles lie between S and S + F (3r + c - 2): per fold the load (r),
/// the wave (r + c - 2) and, where outputs stay, the drain (r).
///
/// T: std::uint32_t (as int32) or float. Without tensors it only counts.
template <typename T>
class SystolicArray final : public CycleArray {
 public:
  /// Throws std::domain_error if the array cannot hold the mapping.
  SystolicArray(const problem::Problem& problem, const arch::Architecture& architecture,
                const mapping::Mapping& mapping, const Tensors<T>& tensors,
                SystolicArrayOptions options = {});

  [[nodiscard]] std::size_t outer_loops() const override { return plan_.outer_loops(); }
  FoldTime fold(const Chunks& chunks, std::uint64_t ready) override;
  void finish() override;
  [[nodiscard]] const ArrayRun& run() const override { return run_; }
  [[nodiscard]] const SystolicPlan& plan() const { return plan_; }
  [[nodiscard]] std::uint64_t folds() const { return folds_; }
  /// Cycles that the folds so far may take beyond one per step: what each would if it stood alone.
  [[nodiscard]] std::uint64_t ramp() const { return ramp_; }

 private:
  /// Words that a fold brings into the elements.
  struct Arrivals {
    std::uint64_t lacked = 0;  ///< that elements did not hold
    std::uint64_t sent = 0;    ///< the same, each once where the network multicasts
    std::uint64_t used = 0;    ///< that are no padding
    bool changed = false;      ///< an element holds another word than before, or none
  };
  template <typename Call>
  void each_element(const FoldWork& work, Call call) const;
  Arrivals hold_operand(const FoldWork& work);
  void hold_sums(const FoldWork& work);
  void drain_if_parents_leave(const Chunks& chunks);
  void drain(std::size_t element);
  FoldCycles time(const FoldWork& work, std::uint64_t ready);

  std::uint64_t& reads(int level, problem::Role role) {
    return run_
        .reads[static_cast<std::size_t>(level)][static_cast<std::size_t>(problem::index(role))];
  }
  std::uint64_t& writes(int level, problem::Role role) {
    return run_
        .writes[static_cast<std::size_t>(level)][static_cast<std::size_t>(problem::index(role))];
  }

  const problem::Problem& problem_;
  SystolicPlan plan_;
  SystolicArrayOptions options_;
  std::int64_t rows_;
  std::int64_t columns_;
  bool values_;
  FoldTensors<T> tensors_;
  TensorWords held_words_;
  std::optional<SystolicGrid<T>> grid_;
  SystolicClock clock_;
  std::optional<SystolicActivity> activity_;
  std::optional<SystolicTrace> trace_;
  EdgeTraffic streams_;  ///< of the fold's port: what entered rows and columns, what left columns
  std::vector<std::int64_t> held_;  ///< by element: the word's address, or -1
  /// Whether several elements may hold one word, which then arrives once on each wire.
  bool windows_ = false;
  std::vector<std::uint64_t> row_wires_;
  std::vector<std::uint64_t> column_wires_;
  std::vector<std::uint64_t> wires_;  ///< scratch: wire and word of each word that arrives
  std::vector<Chunks> parents_;       ///< of outputs below the top: their tiles
  std::vector<int> parent_levels_;
  bool passed_empty_ = false;  ///< the last tile had lines that hold nothing
  bool any_ = false;
  std::uint64_t folds_ = 0;
  std::uint64_t ramp_ = 0;
  ArrayRun run_;
};

extern template class SystolicArray<std::uint32_t>;
extern template class SystolicArray<float>;

}  // namespace dnnaccel::sim
