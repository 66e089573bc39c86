#pragma once

#include "cost/counts.hpp"

/// What zeros do to the counts of one layer on one architecture, as factors on what is moved and
/// done. Who makes one decides what the chip can do about zeros; here they are only applied.
namespace dnnaccel::cost {

namespace detail {

template <typename T>
constexpr PerRole<T> each_role(T value) {
  PerRole<T> out{};
  out.fill(value);
  return out;
}

template <typename T>
constexpr PerLevel<T> each_level(const T& value) {
  PerLevel<T> out{};
  out.fill(value);
  return out;
}

}  // namespace detail

/// All factors are 1 for a layer without zeros.
struct Sparsity {
  double work = 1;   ///< fraction of the MACs that spend energy
  double steps = 1;  ///< fraction of the steps that take time
  /// Words that one word of an operand takes up where a level keeps it, metadata included: its size
  /// in the level's format over the level's word. Partial sums are never compressed.
  PerLevel<PerRole<double>> stored = detail::each_level(detail::each_role(1.0));
  /// The same for finished outputs as they enter the outermost memory.
  double finished = 1;
  /// Words that a level moves for one that the MACs would ask it for if there were no zeros.
  PerLevel<PerRole<double>> asked = detail::each_level(detail::each_role(1.0));
  /// Fraction of the words between MACs and their nearest memory that still cross the networks.
  PerRole<double> crossing = detail::each_role(1.0);

  bool operator==(const Sparsity&) const = default;
  /// Words that a tile takes up where a level keeps it.
  [[nodiscard]] std::uint64_t stored_words(int level, int role, std::uint64_t words) const;
  /// Throws std::invalid_argument if a factor is negative or no number.
  void validate() const;
};

}  // namespace dnnaccel::cost
