#pragma once

#include <cstdint>
#include <vector>

#include "sim/array.hpp"
#include "sim/systolic_array.hpp"
#include "sim/tensor_words.hpp"

/// One fold of a systolic array: which words of which tensors meet where.
namespace dnnaccel::sim {

/// What a fold covers: the indices that its rows and columns add, and its stream's loops over
/// `chunks` (whose first indices hold for all of it).
struct FoldWork {
  std::vector<Indices> rows;
  std::vector<Indices> columns;
  /// Rows and columns that hold nothing and only pass words on: not 0. Empty: there are none.
  std::vector<std::uint8_t> empty_rows;
  std::vector<std::uint8_t> empty_columns;
  std::vector<StreamLoop> loops;
  Chunks chunks{};
  std::int64_t steps = 1;
  bool loads = true;   ///< a stationary operand, or sums to go on with, must be shifted in
  bool begins = true;  ///< no product of these outputs was added before

  [[nodiscard]] FoldShape shape() const {
    return {.rows = static_cast<std::int64_t>(rows.size()),
            .columns = static_cast<std::int64_t>(columns.size()),
            .steps = steps,
            .loads = loads};
  }
  /// The indices that hold for all of the fold.
  [[nodiscard]] Indices origin() const;
  [[nodiscard]] bool has_row(std::size_t i) const { return empty_rows.empty() || !empty_rows[i]; }
  [[nodiscard]] bool has_column(std::size_t j) const {
    return empty_columns.empty() || !empty_columns[j];
  }
};

/// The roles of the operands in an array in which one tensor stays.
struct Placement {
  Stationary stationary = Stationary::weights;

  /// Enters the rows from the left.
  [[nodiscard]] problem::Role rows() const {
    return stationary == Stationary::inputs ? problem::Role::weights : problem::Role::inputs;
  }
  /// Is held, or enters the columns from above where outputs stay.
  [[nodiscard]] problem::Role held() const {
    return stationary == Stationary::inputs ? problem::Role::inputs : problem::Role::weights;
  }
};

/// The three tensors of a problem as an array's folds find their words in them.
template <typename T>
struct FoldTensors {
  FoldTensors(const problem::Problem& problem, Stationary stationary, const Tensors<T>& tensors)
      : placement{stationary},
        row_words(problem, placement.rows()),
        held_words(problem, placement.held()),
        output_words(problem, problem::Role::outputs),
        row_data(stationary == Stationary::inputs ? tensors.weights : tensors.inputs),
        held_data(stationary == Stationary::inputs ? tensors.inputs : tensors.weights),
        outputs(tensors.outputs) {}

  Placement placement;
  TensorWords row_words;
  TensorWords held_words;
  TensorWords output_words;
  const T* row_data;
  const T* held_data;
  T* outputs;
};

/// Words that an array asked the memories above it for and gave them, by role; sums go to and from
/// the memory above, where an array whose outputs stay drains them to.
struct EdgeTraffic {
  cost::PerRole<std::uint64_t> reads{};
  cost::PerRole<std::uint64_t> writes{};
};

/// Fetches a fold's words by their addresses, so that a convolution's rows are never laid out, and
/// adds its sums to the outputs. `tensors` and `traffic` must outlive it. Without values (null
/// tensors) it only counts.
template <typename T>
class TensorFold final : public FoldPort<T> {
 public:
  TensorFold(const FoldTensors<T>& tensors, FoldWork work, EdgeTraffic& traffic);

  void load(T* tile) override;
  void enter_rows(std::int64_t first, std::int64_t steps, T* block, std::size_t pitch) override;
  void enter_columns(std::int64_t first, std::int64_t steps, T* block, std::size_t pitch) override;
  void leave(std::int64_t first, std::int64_t steps, const T* block, std::size_t pitch) override;

  /// Count all words of the streams, as if they had been fetched.
  void count_streams();

 private:
  /// Which lines take part, and where.
  struct Lines {
    std::vector<Spot> spots;
    std::vector<std::uint8_t> empty;
    [[nodiscard]] bool has(std::size_t i) const { return empty.empty() || !empty[i]; }
  };
  [[nodiscard]] std::vector<Spot> spots(const TensorWords& words,
                                        const std::vector<Indices>& indices, bool origin) const;
  const std::vector<Spot>& next_steps(const TensorWords& words, StreamSteps& stream,
                                      std::int64_t steps);
  std::uint64_t enter(const TensorWords& words, const T* data, const Lines& lines,
                      StreamSteps& stream, std::int64_t steps, T* block, std::size_t pitch);
  std::uint64_t count(const TensorWords& words, const Lines& lines, StreamSteps& stream);
  void leave_tile(const T* tile, std::size_t pitch);

  const FoldTensors<T>& tensors_;
  FoldWork work_;
  EdgeTraffic& traffic_;
  Lines rows_;
  Lines columns_;
  StreamSteps row_stream_;
  StreamSteps column_stream_;
  StreamSteps output_stream_;
  std::vector<Spot> steps_;
};

}  // namespace dnnaccel::sim
