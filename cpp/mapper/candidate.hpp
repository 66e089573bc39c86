#pragma once

#include <cmath>
#include <compare>
#include <limits>
#include <optional>

#include "base/random.hpp"
#include "cost/cost.hpp"
#include "cost/counter.hpp"
#include "cost/tables.hpp"
#include "mapper/search.hpp"
#include "mapping/chains.hpp"

namespace dnnaccel::mapper {

/// A point of a mapspace: see mapping::Layout.
struct Candidate {
  using Chain = mapping::Chain;

  /// tiles[dim][i] belongs to slot layout.slots_of(dim)[i].
  std::array<Chain, problem::kMaxDims> tiles;
  /// What the tiles come from, where it is an annealer that moves them.
  std::array<Chain, problem::kMaxDims> factors;
  /// Orders and what is kept; its chains are numbered when it is judged.
  cost::ChainedMapping mapping;
  std::uint32_t changed = ~0U;   ///< dims whose chain has no number yet
  std::uint32_t generation = 0;  ///< of the judge's tables that numbered the others
  std::uint32_t touched = 0;     ///< dims, and orders, that may differ from those of another
  std::uint32_t reordered = 0;   ///< candidate, which `follow` looks at

  /// The tiles of a dim, to be changed.
  Chain& change(int dim) {
    changed |= 1U << dim;
    touched |= 1U << dim;
    return tiles[static_cast<std::size_t>(dim)];
  }

  /// The order of a temporal slot, to be changed.
  auto& change_order(std::size_t slot) {
    reordered |= 1U << slot;
    return mapping.order[slot];
  }

  /// Become equal to another candidate, from which this one differs in no more than the dims and
  /// orders given. Whole candidates are large, and neighbours in a search nearly equal.
  void follow(const Candidate& other, std::uint32_t dims, std::uint32_t orders);
};

/// What is minimised, and what breaks ties: cycles under energy, energy under the others. Outside
/// the limits, however far, is worse than within.
struct Score {
  double over = std::numeric_limits<double>::infinity();  ///< Goal::excess
  double first = std::numeric_limits<double>::infinity();
  double second = std::numeric_limits<double>::infinity();
  auto operator<=>(const Score&) const = default;

  [[nodiscard]] bool fits() const { return std::isfinite(first); }
};

/// Costs candidates, and remembers the best and the Pareto front. One for each start of a search.
class Judge {
 public:
  Judge(const problem::Problem& problem, const arch::Architecture& architecture,
        const mapping::Layout& layout, const cost::Sparsity& sparsity, const Goal& goal);

  /// Score of a candidate, lower is better; infinite if it does not fit the memories.
  Score judge(Candidate& candidate);
  /// Whether the spatial splits fit their axes; `judge` asks this first.
  [[nodiscard]] bool spread_fits(const Candidate& candidate) const;
  [[nodiscard]] mapping::Mapping to_mapping(const Candidate& candidate) const;

  /// Of the best candidate judged; infinite if none fits.
  [[nodiscard]] const Score& best_score() const { return best_score_; }

  /// Forget every candidate judged; only the tables remain.
  void forget_verdicts();
  [[nodiscard]] std::uint64_t evaluated() const { return evaluated_; }
  [[nodiscard]] std::uint64_t pruned() const { return pruned_; }

  /// Judge what another judge found best or on the front, as if it had been seen here. Only for
  /// goals without limits.
  void learn(const Judge& other);

  /// Enter what this judge saw into an outcome.
  void report(Outcome& outcome) const;

  /// Which memory is too small for a candidate, if one is.
  [[nodiscard]] std::optional<cost::Misfit> misfit(const Candidate& candidate) const;

 private:
  void number(Candidate& candidate);

  const problem::Problem& problem_;
  const arch::Architecture& architecture_;
  const mapping::Layout& layout_;
  cost::Sparsity sparsity_;
  cost::Pricer pricer_;
  Goal goal_;
  std::optional<cost::Tables> tables_;
  std::uint32_t generation_ = 0;
  cost::Counts counts_;
  Score best_score_;
  std::optional<mapping::Mapping> best_;
  std::vector<Point> front_;
  std::uint64_t evaluated_ = 0;
  std::uint64_t pruned_ = 0;
};

/// Everything in the outermost loops, arrays left idle where loops can do without: the smallest
/// tiles of the memories outside. None if the loops that only arrays may have fit no array.
std::optional<Candidate> smallest_tiles(const problem::Problem& problem,
                                        const mapping::Layout& layout);

/// Visit every point. Stops early when `stop` is set; returns whether it saw all.
bool enumerate(const problem::Problem& problem, const mapping::Layout& layout, Judge& judge,
               const std::atomic<bool>& stop);

/// Simulated annealing from one start.
void anneal(const problem::Problem& problem, const mapping::Layout& layout, Judge& judge,
            int proposals, std::uint64_t seed, const std::atomic<bool>& stop);

}  // namespace dnnaccel::mapper
