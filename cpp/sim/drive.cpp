#include "sim/drive.hpp"

#include <chrono>
#include <optional>
#include <span>
#include <stdexcept>
#include <string>

#include "sim/steps.hpp"

namespace dnnaccel::sim {

namespace {

using Clock = std::chrono::steady_clock;
constexpr std::chrono::milliseconds kBetweenPolls{50};

/// Asks whoever watches, not too often, whether to go on.
class Watcher {
 public:
  Watcher(const Watch& watch, std::uint64_t total) : watch_(watch), total_(total) {}

  bool goes_on(std::uint64_t done) {
    if (watch_.stop != nullptr && watch_.stop->load(std::memory_order_relaxed)) return false;
    if (!watch_.poll) return true;
    const Clock::time_point now = Clock::now();
    if (done != 0 && done != total_ && now < next_) return true;
    next_ = now + kBetweenPolls;
    return watch_.poll(done, total_);
  }

 private:
  const Watch& watch_;
  std::uint64_t total_ = 0;
  Clock::time_point next_{};
};

/// Draws the folds.
class FoldTrace {
 public:
  explicit FoldTrace(TraceWriter* writer) {
    if (writer != nullptr) lines_.emplace(*writer, "folds", "folds");
  }

  void record(const FoldTime& fold, std::uint64_t macs) {
    if (!lines_) return;
    lines_->span("fold", static_cast<double>(fold.begin), static_cast<double>(fold.end),
                 {{.name = "fold", .value = static_cast<double>(folds_++)},
                  {.name = "macs", .value = static_cast<double>(macs)}});
  }

 private:
  std::optional<TraceLines> lines_;
  std::uint64_t folds_ = 0;
};

void refuse_several(const problem::Problem& problem, std::span<const mapping::NestLoop> loops) {
  for (const mapping::NestLoop& loop : loops) {
    if (!loop.spatial) continue;
    throw std::domain_error("an array outside the simulated one spreads " +
                            problem.dim_names[static_cast<std::size_t>(loop.dim)] +
                            "; one array is simulated, so arrays outside it must have one instance "
                            "at work");
  }
}

}  // namespace

bool drive(const problem::Problem& problem, const mapping::Nest& nest, CycleArray& array,
           const Watch& watch) {
  const std::span<const mapping::NestLoop> loops(nest.loops.begin(), array.outer_loops());
  refuse_several(problem, loops);
  const std::uint64_t total = problem.macs();
  Watcher watcher(watch, total);
  FoldTrace trace(watch.trace);
  std::uint64_t done = 0;
  Steps steps(loops);
  steps.start(whole(problem));
  do {
    if (!watcher.goes_on(done)) return false;
    const FoldTime fold = array.fold(steps.chunks(), 0);
    const std::uint64_t work = macs(problem, steps.chunks());
    trace.record(fold, work);
    done += work;
  } while (steps.next() >= 0);
  array.finish();
  return watcher.goes_on(done);
}

}  // namespace dnnaccel::sim
