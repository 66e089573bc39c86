#include "mapper/search.hpp"

#include <algorithm>
#include <cmath>
#include <optional>
#include <stdexcept>

#include "base/thread_pool.hpp"
#include "mapper/prove.hpp"
#include "mapping/chains.hpp"

namespace dnnaccel::mapper {

namespace {

/// Search one job: enumerate its mapspace if it is small, else search from all starts, one after
/// the other in one judge, and prove what was found.
Outcome run(const arch::Architecture& architecture, const Job& job, const Goal& goal,
            const Effort& effort, const std::atomic<bool>& stop) {
  Outcome outcome;
  const problem::Problem& problem = *job.problem;
  std::optional<mapping::Layout> layout;
  try {
    layout.emplace(problem, architecture, *job.space);
  } catch (const std::invalid_argument& error) {
    outcome.refused = error.what();
    return outcome;
  }
  outcome.mapspace = mapping::count_points(problem, *layout);
  Judge judge(problem, architecture, *layout, job.sparsity, goal);
  if (outcome.mapspace <= static_cast<double>(effort.exhaustive_limit)) {
    outcome.optimal = enumerate(problem, *layout, judge, stop);
    if (outcome.optimal) outcome.bound = judge.best_score().first;
  } else {
    for (int start = 0; start < effort.starts; ++start) {
      anneal(problem, *layout, judge, effort.proposals, static_cast<std::uint64_t>(start) + 1,
             stop);
    }
    if (goal.objective == Objective::energy && effort.proof > 0) {
      const Proof proof =
          prove_energy(problem, architecture, *layout, job.sparsity, judge, effort.proof, stop);
      outcome.optimal = proof.whole;
      outcome.bound = proof.bound;
    }
  }
  judge.report(outcome);
  if (outcome.best) return outcome;
  // A bound of infinity says that nothing is there to be found.
  if (!outcome.optimal) outcome.bound = 0;
  outcome.optimal = false;
  outcome.over_limits = outcome.evaluated > 0;
  if (outcome.over_limits) return outcome;
  if (const auto smallest = smallest_tiles(problem, *layout)) {
    outcome.misfit = judge.misfit(*smallest);
  }
  return outcome;
}

/// Logarithm of a ratio, if it is above 1; no more than 100, even where the limit allows nothing.
double log_excess(double much, double limit) {
  return much <= limit ? 0 : std::min(100.0, std::log(much / limit));
}

}  // namespace

double Goal::excess(double energy, std::uint64_t cycles, std::uint64_t units) const {
  return log_excess(energy, max_energy) + log_excess(static_cast<double>(cycles), max_cycles) +
         log_excess(static_cast<double>(min_units), static_cast<double>(units));
}

std::vector<Outcome> search(const arch::Architecture& architecture, const std::vector<Job>& jobs,
                            const Goal& goal, const Effort& effort, unsigned threads,
                            const std::function<bool(std::size_t, std::size_t)>& poll) {
  std::vector<Outcome> outcomes(jobs.size());
  std::atomic<bool> stop{false};
  base::run_tasks(
      jobs.size(), threads == 0 ? base::default_threads() : threads,
      [&](std::size_t j) { outcomes[j] = run(architecture, jobs[j], goal, effort, stop); },
      [&](std::size_t done) { return poll(done, jobs.size()); }, stop);
  return outcomes;
}

}  // namespace dnnaccel::mapper
