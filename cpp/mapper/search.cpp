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

// A first look before energy is proved: so much finds what to prove, or nearly.
constexpr int kLookStarts = 2;
constexpr int kLookProposals = 3000;

void anneal_all(const problem::Problem& problem, const mapping::Layout& layout, Judge& judge,
                int starts, int proposals, const std::atomic<bool>& stop) {
  for (int start = 0; start < starts; ++start) {
    anneal(problem, layout, judge, proposals, static_cast<std::uint64_t>(start) + 1, stop);
  }
}

/// Search a mapspace that is too large to enumerate. Energy is proved after a short look, and only
/// where that fails is the search thorough, before another attempt.
void search_large(const arch::Architecture& architecture, const Job& job,
                  const mapping::Layout& layout, const Goal& goal, const Effort& effort,
                  Judge& judge, Outcome& outcome, const std::atomic<bool>& stop) {
  const problem::Problem& problem = *job.problem;
  const auto prove = [&](std::uint64_t mappings) {
    const Proof proof =
        prove_energy(problem, architecture, layout, job.sparsity, judge, mappings, stop);
    outcome.optimal = proof.whole;
    outcome.bound = std::max(outcome.bound, proof.bound);
  };
  if (effort.proof > 0 && goal.objective == Objective::energy) {
    anneal_all(problem, layout, judge, std::min(kLookStarts, effort.starts),
               std::min(kLookProposals, effort.proposals), stop);
    prove(effort.proof);
    if (outcome.optimal || stop.load(std::memory_order_relaxed)) return;
    const double before = judge.best_score().first;
    anneal_all(problem, layout, judge, effort.starts, effort.proposals, stop);
    if (judge.best_score().first < before) prove(effort.proof);
    return;
  }
  anneal_all(problem, layout, judge, effort.starts, effort.proposals, stop);
  if (goal.objective == Objective::latency && goal.free()) {
    // Many mappings are nearly as quick: energy as well leads over the plateaus between them.
    Judge guided(problem, architecture, layout, job.sparsity, {.objective = Objective::edp});
    anneal_all(problem, layout, guided, effort.starts, effort.proposals, stop);
    judge.learn(guided);
  }
  if (effort.proof == 0 || stop.load(std::memory_order_relaxed)) return;
  const double cycles = least_cycles(problem, architecture, layout, job.sparsity);
  if (goal.objective == Objective::latency) outcome.bound = cycles;
  if (goal.objective == Objective::edp) {
    // Whatever is moved, the MACs take theirs.
    outcome.bound =
        cycles * static_cast<double>(problem.macs()) * job.sparsity.work * architecture.mac_energy;
  }
  outcome.optimal = judge.best_score().first <= outcome.bound;
}

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
    search_large(architecture, job, *layout, goal, effort, judge, outcome, stop);
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
