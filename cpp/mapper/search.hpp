#pragma once

#include <atomic>
#include <cmath>
#include <cstdint>
#include <functional>
#include <limits>
#include <optional>
#include <string>
#include <vector>

#include "cost/cost.hpp"
#include "cost/counter.hpp"
#include "mapping/mapspace.hpp"

/// The mapper. Small mapspaces are enumerated whole, and the best mapping is then the optimum.
/// Large ones are searched by simulated annealing from several starts, each with its own seed, so
/// that the answer does not depend on the threads; for energy, bounds then leave a few mappings to
/// be costed, which proves the best one (prove.hpp).
namespace dnnaccel::mapper {

enum class Objective : std::uint8_t { energy, latency, edp };

/// What is looked for: the least of an objective among the mappings within limits.
struct Goal {
  Objective objective = Objective::energy;
  double max_energy = std::numeric_limits<double>::infinity();
  double max_cycles = std::numeric_limits<double>::infinity();
  std::uint64_t min_units = 0;  ///< MAC units that must ever work

  /// Whether it has no limits.
  [[nodiscard]] bool free() const {
    return std::isinf(max_energy) && std::isinf(max_cycles) && min_units == 0;
  }

  /// How far a mapping is outside the limits: 0 within, and else the logarithms of the ratios, so
  /// that halving the cycles is worth as much however many there are.
  [[nodiscard]] double excess(double energy, std::uint64_t cycles, std::uint64_t units) const;
};

struct Effort {
  std::uint64_t exhaustive_limit = 20000;  ///< mapspaces of at most so many points are enumerated
  int starts = 12;
  int proposals = 1500;     ///< per start
  std::uint64_t proof = 0;  ///< mappings that may be costed to prove the best of large mapspaces
};

/// One layer to be mapped. All refer to the same architecture.
struct Job {
  const problem::Problem* problem = nullptr;
  const mapping::Mapspace* space = nullptr;
  cost::Sparsity sparsity;
};

struct Point {
  double energy = 0;
  std::uint64_t cycles = 0;
  mapping::Mapping mapping;
};

struct Outcome {
  std::optional<mapping::Mapping> best;
  bool optimal = false;         ///< every mapping was costed, does not fit, or is shown no better
  std::uint64_t evaluated = 0;  ///< mappings costed
  std::uint64_t pruned = 0;     ///< mappings dropped because a tile or a spread does not fit
  double mapspace = 0;          ///< points of the mapspace; a real number, since it may be huge
  double bound = 0;             ///< no mapping within the limits has less of the objective
  bool over_limits = false;     ///< some mapping fits the memories, and none seen is within limits
  std::vector<Point>
      pareto;  ///< of those evaluated, none better in both energy and cycles; by energy
  std::optional<cost::Misfit> misfit;  ///< if nothing fits: where the smallest tiles fail
  std::string refused;                 ///< if the mapspace is empty: why
};

/// Map every job. `poll(done, total)` is called on the calling thread; when it returns false the
/// search stops and what was found so far is returned. Results are by job, and the same for any
/// number of threads.
std::vector<Outcome> search(const arch::Architecture& architecture, const std::vector<Job>& jobs,
                            const Goal& goal, const Effort& effort, unsigned threads,
                            const std::function<bool(std::size_t, std::size_t)>& poll);

}  // namespace dnnaccel::mapper
