#pragma once

#include <cstdint>
#include <vector>

#include "sim/row_clock.hpp"
#include "sim/row_element.hpp"
#include "sim/row_shape.hpp"

/// Who does what in a fold of a row-stationary array, and in which order.
namespace dnnaccel::sim::rows {

/// An output position of a fold: every element at work does one burst for it.
struct Step {
  std::int64_t n = 0;
  std::int64_t q = 0;
};

/// Numbers that a bus of the array tells receivers by: each row of the array listens to one row
/// tag, each element in it to one column tag.
struct Tags {
  std::uint64_t rows = 0;
  std::uint64_t columns = 0;  ///< beside one row tag
};

/// The tags by which every group, and nobody else, takes its words. Rows of the array with elements
/// of one group listen to one row tag, so these follow from each other; a group's column tag is its
/// number among those of its row tag.
Tags tags_of(const std::vector<Group>& groups, const std::vector<Place>& places);

struct Fold {
  Chunks chunks{};
  std::vector<Step> steps;
  std::vector<std::uint32_t> workers;
  std::vector<Group> rows;            ///< elements by input row and channels
  std::vector<Group> filters;         ///< by filter row, filters and channels
  std::vector<Group> chains;          ///< by output row and filters, in the order of the nest
  std::vector<std::uint32_t> row_of;  ///< by element: which of `rows`
  std::int64_t taps = 1;
  bool begun = false;  ///< the buffer has sums of these outputs already
};

class Planner {
 public:
  Planner(const problem::Problem& problem, const Shape& shape)
      : bounds_(problem.bounds), shape_(shape) {}

  /// What each element does in a fold.
  [[nodiscard]] std::vector<Job> jobs(const Chunks& chunks) const;
  [[nodiscard]] Fold fold(const Chunks& chunks, const std::vector<Job>& jobs) const;
  [[nodiscard]] std::vector<Step> steps(const Chunks& chunks) const;
  [[nodiscard]] static SumTile sums_of(const Job& job, Step step);
  [[nodiscard]] WindowTile window_of(const Fold& fold, const Job& job, Step step) const;
  /// Which outputs the buffer holds then.
  [[nodiscard]] SumTile buffered(const Chunks& chunks, Step step) const;
  /// What comes for a step and what goes after it, the same for all windows once they have begun.
  [[nodiscard]] Motion motion(const Fold& fold, std::size_t step) const;

 private:
  std::vector<std::int64_t> bounds_;
  const Shape& shape_;
};

}  // namespace dnnaccel::sim::rows
