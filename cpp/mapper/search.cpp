#include "mapper/search.hpp"

#include <optional>
#include <stdexcept>

#include "base/thread_pool.hpp"
#include "mapper/prove.hpp"

namespace dnnaccel::mapper {

namespace {

/// Search one job from all starts, one after the other in one judge, and prove the best.
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
  Judge judge(problem, architecture, *layout, job.sparsity, goal);
  if (count_points(problem, *layout, effort.exhaustive_limit) <= effort.exhaustive_limit) {
    outcome.optimal = enumerate(problem, *layout, judge, stop);
  } else {
    for (int start = 0; start < effort.starts; ++start) {
      anneal(problem, *layout, judge, effort.proposals, static_cast<std::uint64_t>(start) + 1, stop);
    }
    if (goal.objective == Objective::energy && effort.proof > 0) {
      const Proof proof =
          prove_energy(problem, architecture, *layout, job.sparsity, judge, effort.proof, stop);
      outcome.optimal = proof.whole;
      outcome.bound = proof.bound;
    }
  }
  judge.report(outcome);
  outcome.optimal = outcome.optimal && outcome.best.has_value();
  if (!outcome.best) {
    const Candidate smallest = smallest_tiles(problem, *layout);
    if (judge.spread_fits(smallest)) outcome.misfit = judge.misfit(smallest);
  }
  return outcome;
}

}  // namespace

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
