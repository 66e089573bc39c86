#pragma once

#include <cstdint>

#include "cost/sparsity.hpp"
#include "mapper/search.hpp"
#include "mapping/mapspace.hpp"

/// How fast mappings are costed (the stopwatch of bench/cost.py), and how good random ones are.
namespace dnnaccel::mapper {

struct RateRequest {
  std::size_t mappings = 4096;  ///< distinct random ones, all made before the clock starts
  int rounds = 1;               ///< times that all of them are costed
  std::uint64_t seed = 1;
  /// Forget the tables before every round, and number the chains within it: nothing is known
  /// beforehand.
  bool cold = false;
};

struct Rate {
  std::uint64_t mappings = 0;  ///< distinct ones that fit, costed in each round
  std::uint64_t drawn = 0;     ///< random mappings that these were found among
  std::uint64_t tables = 0;    ///< chains, and pairs of chains of a window, tabulated in the end
  std::uint64_t costed = 0;    ///< in all rounds
  double seconds = 0;          ///< of this process's CPU time, in all rounds
  double energy = 0;  ///< sums of one round, and what `Counter`, without tables, makes them
  double cycles = 0;
  double counted_energy = 0;
  double counted_cycles = 0;
};

/// Cost random mappings of a mapspace: word counts, latency and energy of each. From one to the
/// next the tiles of every dim, the order of all loops and what is kept change; factors are
/// imperfect. Throws std::invalid_argument if none is found that fits.
Rate cost_rate(const problem::Problem& problem, const arch::Architecture& architecture,
               const mapping::Mapspace& space, const cost::Sparsity& sparsity,
               const RateRequest& request);

/// The best of random points of a mapspace: draw until so many were found that fit, or none is left
/// worth trying. The outcome says how many, and has their front of energy against cycles, on which
/// the least of every objective lies; it is never optimal.
Outcome sample(const problem::Problem& problem, const arch::Architecture& architecture,
               const mapping::Mapspace& space, const cost::Sparsity& sparsity, std::size_t mappings,
               std::uint64_t seed);

/// Seconds of one look-up in a table that fits the first cache, and one multiplication, in products
/// as long as those of a mapping's counts: what nothing that counts by look-ups can beat.
double lookup_seconds();

struct SearchRate {
  std::uint64_t evaluated = 0;  ///< mappings costed in one search
  std::uint64_t pruned = 0;     ///< mappings that did not fit
  double seconds = 0;           ///< of this process's CPU time, for one search
};

/// Anneal from one start, again and again with the same proposals: first with no tables, then with
/// those of the time before. Returns the first and, of `rounds` more, the median.
struct SearchRates {
  SearchRate cold;
  SearchRate warm;
};

SearchRates search_rate(const problem::Problem& problem, const arch::Architecture& architecture,
                        const mapping::Mapspace& space, const cost::Sparsity& sparsity,
                        int proposals, int rounds, std::uint64_t seed);

}  // namespace dnnaccel::mapper
