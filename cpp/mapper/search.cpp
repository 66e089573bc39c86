#include "mapper/search.hpp"

#include <algorithm>
#include <cmath>
#include <memory>
#include <stdexcept>

#include "base/thread_pool.hpp"
#include "mapper/candidate.hpp"

namespace dnnaccel::mapper {

namespace {

/// One job, laid out, with a judge for each start (or one for an enumeration).
struct Plan {
  std::unique_ptr<mapping::Layout> layout;
  bool small = false;
  bool saw_all = false;
  std::vector<std::unique_ptr<Judge>> judges;
};

struct Task {
  std::size_t job = 0;
  int start = 0;
};

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
  std::vector<Plan> plans(jobs.size());
  std::vector<Task> tasks;
  for (std::size_t j = 0; j < jobs.size(); ++j) {
    Plan& plan = plans[j];
    try {
      plan.layout =
          std::make_unique<mapping::Layout>(*jobs[j].problem, architecture, *jobs[j].space);
    } catch (const std::invalid_argument& error) {
      outcomes[j].refused = error.what();
      continue;
    }
    outcomes[j].mapspace = mapping::count_points(*jobs[j].problem, *plan.layout);
    plan.small = outcomes[j].mapspace <= static_cast<double>(effort.exhaustive_limit);
    const int starts = plan.small ? 1 : effort.starts;
    plan.judges.resize(static_cast<std::size_t>(starts));
    for (int start = 0; start < starts; ++start) tasks.push_back({j, start});
  }

  std::atomic<bool> stop{false};
  const auto run = [&](std::size_t t) {
    const Task& task = tasks[t];
    const problem::Problem& problem = *jobs[task.job].problem;
    Plan& plan = plans[task.job];
    auto judge =
        std::make_unique<Judge>(problem, architecture, *plan.layout, jobs[task.job].sparsity, goal);
    if (plan.small) {
      plan.saw_all = enumerate(problem, *plan.layout, *judge, stop);
    } else {
      anneal(problem, *plan.layout, *judge, effort.proposals,
             static_cast<std::uint64_t>(task.start) + 1, stop);
    }
    judge->rest();
    plan.judges[static_cast<std::size_t>(task.start)] = std::move(judge);
  };
  base::run_tasks(
      tasks.size(), threads == 0 ? base::default_threads() : threads, run,
      [&](std::size_t done) { return poll(done, tasks.size()); }, stop);

  for (std::size_t j = 0; j < jobs.size(); ++j) {
    Score score;
    for (const auto& judge : plans[j].judges) {
      if (judge) judge->merge_into(outcomes[j], score);
    }
    outcomes[j].optimal = plans[j].saw_all && outcomes[j].best.has_value();
    if (outcomes[j].optimal) outcomes[j].bound = score.first;
    outcomes[j].over_limits = !outcomes[j].best && outcomes[j].evaluated > 0;
    if (outcomes[j].best || outcomes[j].evaluated > 0) continue;
    if (plans[j].judges.empty() || !plans[j].judges.front()) continue;
    if (const auto smallest = smallest_tiles(*jobs[j].problem, *plans[j].layout)) {
      outcomes[j].misfit = plans[j].judges.front()->misfit(*smallest);
    }
  }
  return outcomes;
}

}  // namespace dnnaccel::mapper
