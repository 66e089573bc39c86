#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <tuple>
#include <vector>

#include "sim/array.hpp"
#include "sim/row_clock.hpp"
#include "sim/row_element.hpp"
#include "sim/row_plan.hpp"
#include "sim/row_shape.hpp"
#include "sim/row_trace.hpp"
#include "sim/steps.hpp"

namespace dnnaccel::sim {

struct RowOptions {
  rows::Timing timing;
  /// Takes the passes' loads, bursts and drains, and the rate of products, a mean over at least
  /// `trace_window` cycles.
  TraceWriter* trace = nullptr;
  std::uint64_t trace_window = 1;
};

/// A row-stationary array (Eyeriss, JSSC 2017), element by element and cycle by cycle.
///
/// A fold is a pass: filters are loaded once, each row by its tag to all elements that want it;
/// then the window of every element slides over its input row, new words coming diagonally over
/// the input bus; each position is a burst of p * q * S MACs, and its p sums go up the column,
/// element by element, and out. Elements run on their own, as far as words, filters and room for
/// sums allow. A fold ends when its last sum has left, and only then does the next one begin.
///
/// T is std::int32_t (sums wrap around as in hardware) or float.
template <typename T>
class RowStationaryArray final : public CycleArray {
 public:
  /// Outputs are set to 0 here. Throws as rows::shape_of does, and std::invalid_argument if some
  /// tensors are there and others are not.
  RowStationaryArray(const problem::Problem& problem, const arch::Architecture& architecture,
                     const mapping::Mapping& mapping, const Tensors<T>& tensors,
                     const RowOptions& options = {});

  RowStationaryArray(const RowStationaryArray&) = delete;  // parts of it point to each other
  RowStationaryArray& operator=(const RowStationaryArray&) = delete;

  [[nodiscard]] std::size_t outer_loops() const override { return shape_.outer; }
  /// Throws std::invalid_argument if the fold is not the next one of the nest.
  FoldTime fold(const Chunks& chunks, std::uint64_t ready) override;
  void finish() override;
  [[nodiscard]] const ArrayRun& run() const override { return run_; }
  [[nodiscard]] const mapping::Nest& nest() const { return shape_.nest; }
  [[nodiscard]] std::uint64_t folds() const { return folds_; }
  /// The most tags that the buses of inputs and of filters needed in a fold.
  [[nodiscard]] const rows::Tags& input_tags() const { return input_tags_; }
  [[nodiscard]] const rows::Tags& filter_tags() const { return filter_tags_; }

 private:
  const rows::Burst& burst(const rows::Job& job, std::int64_t taps);
  void load_filters(const rows::Fold& fold);
  void first_windows(const rows::Fold& fold);
  void slide_windows(const rows::Fold& fold, std::size_t step);
  void send_words(const rows::Fold& fold, rows::Step step, const std::uint8_t* all_fresh);
  void begin_sums(const rows::Fold& fold, rows::Step step);
  void multiply(const rows::Fold& fold, rows::Step step);
  void leave(const rows::Fold& fold, std::size_t step);
  void leave_fold(const rows::Fold& fold);
  /// Sums go up these chains, and with them those of elements that no longer work.
  void drain(const std::vector<rows::Group>& chains, const std::vector<std::uint32_t>& leaving);
  /// Take these elements' sums to the buffer. Returns how many words arrive there.
  std::uint64_t gather(const std::vector<std::uint32_t>& leaving);

  [[nodiscard]] std::uint64_t& reads(problem::Role role, int level) {
    return run_.reads[static_cast<std::size_t>(level)][static_cast<std::size_t>(index(role))];
  }
  [[nodiscard]] std::uint64_t& writes(problem::Role role, int level) {
    return run_.writes[static_cast<std::size_t>(level)][static_cast<std::size_t>(index(role))];
  }
  [[nodiscard]] int spad(problem::Role role) const {
    return shape_.spads.level[static_cast<std::size_t>(index(role))];
  }
  [[nodiscard]] int parent(problem::Role role) const {
    return shape_.parents[static_cast<std::size_t>(index(role))];
  }

  rows::Shape shape_;
  rows::Planner planner_;
  rows::Store<T> store_;
  Steps ahead_;  ///< the next fold
  bool over_ = false;
  ArrayRun run_;
  std::optional<rows::Clock> clock_;
  std::vector<rows::Job> jobs_, next_jobs_;
  std::vector<rows::Element<T>> elements_;
  std::map<std::tuple<std::int64_t, std::int64_t, std::int64_t>, rows::Burst> bursts_;
  std::vector<std::vector<std::uint8_t>> fresh_;  ///< by element and tap, in a first step
  std::vector<std::uint32_t> receivers_;
  std::uint64_t begun_at_zero_ = 0;
  std::uint64_t folds_ = 0;
  rows::Tags input_tags_, filter_tags_;
  std::optional<rows::Trace> trace_;
  bool seeded_ = false;  ///< begun sums went back into the array in this step
};

extern template class RowStationaryArray<std::int32_t>;
extern template class RowStationaryArray<float>;

}  // namespace dnnaccel::sim
