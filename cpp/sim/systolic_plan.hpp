#pragma once

#include <cstdint>
#include <vector>

#include "arch/architecture.hpp"
#include "mapping/mapping.hpp"
#include "problem/problem.hpp"
#include "sim/systolic_fold.hpp"

/// How a mapping stands on a systolic array.
namespace dnnaccel::sim {

/// Who keeps a tensor: levels, outermost first.
struct ArrayKeepers {
  int element = -1;                          ///< the memory in the elements
  cost::PerRole<int> parent = {-1, -1, -1};  ///< by role, the innermost memory above the array
};

/// One loop that is spread over rows or columns.
struct SpreadLoop {
  int dim = 0;
  std::int64_t tile = 1;
  std::int64_t trips = 1;
};

/// What a systolic array does with a mapping.
///
/// The array is the innermost one that spreads a loop (the innermost of all, if none does). The one
/// tensor that the memory inside it keeps is the one that stays. Loops inside the array, and those
/// just outside it that leave the stationary tile alone, are the stream of a fold; all loops
/// further out are outer loops. Where sums move, a loop over a dim that they add over ends the
/// stream, too: what one fold leaves are sums that another goes on with.
///
/// The constructor throws std::domain_error, naming the level and the dim, for what the array
/// cannot do: elements that keep two tensors, none, or more than one word; rows that spread a dim
/// that sums do not add over, or columns one that the words that pass along rows have; a network
/// that does not reduce or multicast over them; other arrays that spread something.
class SystolicPlan {
 public:
  /// `waiting`: bit d is set if the positions of dim d wait for each other.
  SystolicPlan(const problem::Problem& problem, const arch::Architecture& architecture,
               const mapping::Mapping& mapping, std::uint32_t waiting);

  [[nodiscard]] const mapping::Nest& nest() const { return nest_; }
  [[nodiscard]] std::size_t outer_loops() const { return outer_loops_; }
  [[nodiscard]] int array() const { return array_; }
  [[nodiscard]] Stationary stationary() const { return stationary_; }
  [[nodiscard]] problem::Role held() const;
  [[nodiscard]] const ArrayKeepers& keepers() const { return keepers_; }
  [[nodiscard]] const std::vector<SpreadLoop>& rows() const { return spread_[0]; }
  [[nodiscard]] const std::vector<SpreadLoop>& columns() const { return spread_[1]; }
  /// Bit d is set if one word of the stationary tensor serves all positions that loops over d are
  /// spread to.
  [[nodiscard]] std::uint32_t multicast() const { return multicast_; }

  /// What the fold of these chunks covers; `loads` is left to whoever knows what the elements hold.
  [[nodiscard]] FoldWork work(const Chunks& chunks) const;

 private:
  void find_array(const arch::Architecture& architecture);
  void find_keepers(const arch::Architecture& architecture, const mapping::Mapping& mapping);
  void find_stream(std::uint32_t waiting);
  void spread(const mapping::Mapping& mapping);
  void check_rows(const arch::Array& array) const;
  void check_columns(const arch::Array& array) const;
  [[nodiscard]] bool moves(problem::Role role, int dim) const {
    return (problem_.tensor(role).dims() >> dim & 1U) != 0;
  }
  [[nodiscard]] const std::string& dim_name(int dim) const {
    return problem_.dim_names[static_cast<std::size_t>(dim)];
  }
  [[nodiscard]] std::string place(int axis) const;

  const problem::Problem& problem_;
  mapping::Nest nest_;
  int array_ = -1;
  std::string array_name_;
  Stationary stationary_ = Stationary::weights;
  ArrayKeepers keepers_;
  std::vector<SpreadLoop> spread_[2];
  std::uint32_t spread_dims_ = 0;
  std::uint32_t multicast_ = 0;
  std::size_t outer_loops_ = 0;
  std::vector<StreamLoop> stream_;
};

}  // namespace dnnaccel::sim
