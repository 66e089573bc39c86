#include "sim/drive.hpp"

#include <chrono>
#include <stdexcept>
#include <string>

#include "base/math.hpp"

namespace dnnaccel::sim {

namespace {

using Clock = std::chrono::steady_clock;
constexpr std::chrono::milliseconds kBetweenPolls{50};

constexpr std::size_t at(int i) { return static_cast<std::size_t>(i); }

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

}  // namespace

OuterPosition::OuterPosition(const problem::Problem& problem,
                             std::span<const mapping::NestLoop> loops)
    : loops_(loops), dims_(problem.dims()) {
  for (const mapping::NestLoop& loop : loops) {
    if (loop.spatial) {
      throw std::domain_error("an array outside the simulated one spreads " +
                              problem.dim_names[at(loop.dim)] + " (level " +
                              std::to_string(loop.level) +
                              "); only one array is simulated, so every array outside it must "
                              "have one instance at work");
    }
  }
  for (int d = 0; d < dims_; ++d) chunks_[at(d)] = {.first = 0, .size = problem.bounds[at(d)]};
  descend(0);
}

void OuterPosition::descend(std::size_t from) {
  for (std::size_t l = from; l < loops_.size(); ++l) {
    cost::walking::Range& range = chunks_[at(loops_[l].dim)];
    given_[l] = range;
    index_[l] = 0;
    range.size = base::chunk(range.size, loops_[l].tile, 0);
  }
}

int OuterPosition::next() {
  for (std::size_t l = loops_.size(); l-- > 0;) {
    cost::walking::Range& range = chunks_[at(loops_[l].dim)];
    const std::int64_t size = base::chunk(given_[l].size, loops_[l].tile, ++index_[l]);
    if (size > 0) {
      range = {.first = given_[l].first + index_[l] * loops_[l].tile, .size = size};
      descend(l + 1);
      return static_cast<int>(l);
    }
    range = given_[l];
  }
  return -1;
}

std::uint64_t OuterPosition::macs() const {
  std::uint64_t macs = 1;
  for (int d = 0; d < dims_; ++d) macs *= static_cast<std::uint64_t>(chunks_[at(d)].size);
  return macs;
}

bool drive(const problem::Problem& problem, const mapping::Nest& nest, CycleArray& array,
           const Watch& watch) {
  OuterPosition position(problem, {nest.loops.begin(), array.outer_loops()});
  const std::uint64_t total = problem.macs();
  Watcher watcher(watch, total);
  std::uint64_t done = 0;
  do {
    if (!watcher.goes_on(done)) return false;
    array.fold(position.chunks(), 0);
    done += position.macs();
  } while (position.next() >= 0);
  array.finish();
  return watcher.goes_on(done);
}

}  // namespace dnnaccel::sim
