#pragma once

#include <array>
#include <cstdint>
#include <vector>

#include "cost/sparsity.hpp"
#include "mapper/tile_words.hpp"

namespace dnnaccel::mapper {

/// Energy that traffic still waits to be multiplied by, as part of a nest seen from the inside out.
///
/// A tensor's nearest memory inside is filled again at every step of every loop outside it, but for
/// the loops right outside that do not move the tensor. So as long as only such loops stand there,
/// its traffic is `pending`: what it costs if nothing is spared from here on, to be multiplied by
/// the part that is left. The first loop that moves it settles it.
struct Pending {
  static constexpr int kInputs = 0;  ///< of the inputs, what leaves the parent
  static constexpr int kWeights = 1;
  static constexpr int kOutputs = 2;
  static constexpr int kDelivered = 3;  ///< of the inputs, what reaches the instances
  static constexpr int kParts = 4;

  double settled = 0;
  std::array<double, kParts> parts{};
  /// What it would spare, at most, if all sums that instances of the nearest memory drain began
  /// there: an array outside makes that true of all but one of the instances that it reduces.
  double begun = 0;
  std::uint8_t open = 0;    ///< roles that are pending
  std::uint16_t fixed = 0;  ///< dims along which what is delivered cannot slide

  [[nodiscard]] double total() const { return settled + parts[0] + parts[1] + parts[2] + parts[3]; }
};

/// Which loops of a temporal level are innermost: those that do not move `role`, and first of all
/// the one along which the inputs slide. Where the inputs slide inside loops that leave another
/// role alone, either all of these are innermost, and one at least moves the inputs along an axis
/// of its own, or (`windows_only`) only those count that do not.
struct OrderClass {
  int role = 0;
  Slide slide;
  bool windows_only = false;
};

/// A lower bound of the energy of every mapping that keeps the same tensors, as a sum over levels
/// that a search can build from the inside out: exact where all factors are perfect and no window
/// slides, and below the true energy elsewhere.
///
/// Sums, per pair of keepers and tensor, words times energy. Words of one pair are those of its
/// tiles times the steps of all loops outside but those right outside that do not move the tensor.
/// What edges let an idle instance keep, and what the start of a run of a sliding window may share
/// with the run before, is taken off.
class Relaxation {
 public:
  /// The bound holds only where `words.complete()`. `keeps` are the roles that each level keeps;
  /// what else is given must outlive it.
  Relaxation(const problem::Problem& problem, const arch::Architecture& architecture,
             const cost::Sparsity& sparsity, const TileWords& words,
             const std::vector<DimGraph>& graphs, const std::vector<std::uint32_t>& keeps);

  /// Energy that does not depend on the mapping: MACs, what they read, leakage.
  [[nodiscard]] double constant() const { return constant_; }

  /// Whether the tiles fit a memory.
  [[nodiscard]] bool fits(int level, const Tiles& tiles) const;

  /// Take in the pairs of which a memory is the child.
  void enter_memory(int level, const Tiles& tiles, Pending& pending) const;

  /// As `enter_memory`, or for an array what its parents send at least, without what is inside.
  void enter_outside(int level, const Tiles& tiles, Pending& pending) const;

  /// Cross an array: `inside` and `outside` are the tiles on both sides.
  void cross_array(int level, const Tiles& inside, const Tiles& outside, Pending& pending) const;

  /// What is left, at least, of what is pending, whatever loops stand outside.
  [[nodiscard]] double left(const Tiles& tiles, const Pending& pending) const;

  /// A bound of `left` after an array, whatever is spread over it: instances are shared out among
  /// the roles whose words they share, and the loops right outside spare one role at most.
  [[nodiscard]] double left_outside(int level, const Tiles& tiles, const Pending& pending) const;

  /// The part of a role's traffic that a loop of a dim spares if it does not move the role.
  [[nodiscard]] double spared(int dim, std::uint16_t from, std::uint16_t to) const {
    return words_.passes(dim, to) / words_.passes(dim, from);
  }

  /// Whether an array stands outside a level.
  [[nodiscard]] bool array_outside(int level) const {
    return outer_array_[static_cast<std::size_t>(level)];
  }
  /// Instances that idle in the last pass over a dim, as a part of all that it gives work.
  [[nodiscard]] double idling(int dim, std::uint16_t value) const;

  [[nodiscard]] const std::vector<OrderClass>& classes() const { return classes_; }
  [[nodiscard]] const TileWords& words() const { return words_; }
  [[nodiscard]] std::uint32_t absent(int role) const { return words_.absent(role); }
  /// Dims that move the inputs along an axis of their own.
  [[nodiscard]] std::uint32_t plain_inputs() const { return plain_inputs_; }
  [[nodiscard]] std::uint32_t keeps(int level) const {
    return keeps_[static_cast<std::size_t>(level)];
  }

 private:
  /// The pair that a role is in at a level: where its words come from and go.
  struct Way {
    int parent = -1;
    int child = 0;  ///< the number of levels: compute
    bool compute = false;
    bool outermost = false;  ///< of an array: none stands between it and the parent
    bool arrays = false;     ///< of a memory as child: arrays stand between it and the parent
    bool forwards = false;
    double form = 1;  ///< what a word is worth on the way
  };

  [[nodiscard]] double sure(int role, const Tiles& tiles) const;

  const problem::Problem& problem_;
  const arch::Architecture& architecture_;
  cost::Sparsity sparsity_;
  const TileWords& words_;
  std::vector<std::uint32_t> keeps_;
  cost::PerLevel<cost::PerRole<std::uint32_t>> shared_;
  std::vector<std::array<Way, problem::kRoles>> ways_;  ///< by level
  std::vector<double> first_visits_;  ///< by level: energy spared per sum that begins there
  std::vector<bool> outer_array_;     ///< by level: an array stands outside it
  std::vector<OrderClass> classes_;
  std::uint32_t plain_inputs_ = 0;
  std::array<double, problem::kMaxDims> bounds_{};
  int arrays_ = 0;
  double idle_ = 1;  ///< instances over those that work at an edge, at most
  double constant_ = 0;
  bool apart_ = true;                                            ///< no dim leaves two roles alone
  std::vector<std::array<double, problem::kRoles>> least_sure_;  ///< by array: of all spreads
};

}  // namespace dnnaccel::mapper
