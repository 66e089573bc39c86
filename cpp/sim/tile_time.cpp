#include "sim/tile_timer.hpp"

#include <span>
#include <stdexcept>
#include <string>

#include "base/math.hpp"
#include "cost/counter.hpp"

namespace dnnaccel::sim {

namespace timing {

using problem::Role;

namespace {

constexpr std::size_t at(int i) { return static_cast<std::size_t>(i); }
constexpr std::uint64_t kPollEvery = 1U << 14;

/// Loops that have to be stepped through: all down to the innermost one that moves a tile of a
/// memory outside the array, and those outside the array's folds. The MACs do what is inside as one
/// block.
int loops_to_step(const problem::Problem& problem, const arch::Architecture& architecture,
                  const mapping::Mapping& mapping, const mapping::Nest& nest,
                  const TileOptions& options) {
  int stepped = options.array == nullptr ? 0 : static_cast<int>(options.array->outer_loops());
  for (int level = 1; level < std::min(architecture.size(), options.array_level); ++level) {
    for (Role role : problem::kEveryRole) {
      if ((mapping.levels[at(level)].keeps & problem::bit(role)) == 0) continue;
      for (int l = 0; l < nest.above[at(level)]; ++l) {
        const mapping::NestLoop& loop = nest.loops[at(l)];
        const bool moves = (problem.tensor(role).dims() >> loop.dim & 1U) != 0;
        if (!loop.spatial && moves) stepped = std::max(stepped, l + 1);
      }
    }
  }
  return stepped;
}

}  // namespace

TileTimer::TileTimer(const problem::Problem& problem, const arch::Architecture& architecture,
                     const mapping::Mapping& mapping, const TileOptions& options)
    : problem_(problem),
      architecture_(architecture),
      mapping_(mapping),
      options_(options),
      nest_(mapping::flatten(problem, architecture, mapping)),
      stepped_(loops_to_step(problem, architecture, mapping, nest_, options)),
      positions_(std::span(nest_.loops.data(), at(stepped_))),
      block_(problem, nest_, stepped_),
      array_above_(options.array == nullptr ? stepped_
                                            : static_cast<int>(options.array->outer_loops())),
      fold_(problem, nest_, array_above_),
      folds_(std::span(nest_.loops.data(), at(array_above_))),
      fresh_(problem.tensor(Role::outputs).words()) {
  for (Role role : problem::kEveryRole) {
    int parent_tiles = -1;
    for (int parent = 0;;) {
      Stream stream(problem, architecture, mapping, nest_, options, names_, role, parent, stepped_);
      parent = stream.keepers().child;
      if (parent < architecture.size() && parent > options.array_level) break;
      if (stream.keepers().compute) {
        compute_.push_back(std::move(stream));
        innermost_.push_back(parent_tiles);
        break;
      }
      const int index = static_cast<int>(tiles_.size());
      if (parent_tiles >= 0) tiles_[at(parent_tiles)].child = index;
      tiles_.push_back({.stream = std::move(stream),
                        .parent = parent_tiles,
                        .buffering = architecture.memory(parent)->buffering});
      parent_tiles = index;
    }
  }
  if (options.timing != nullptr) names_.number(kOutermostPort);
  moved_by_.resize(at(stepped_ + 1));
  for (int loop = -1; loop < stepped_; ++loop) {
    if (loop >= 0 && nest_.loops[at(loop)].spatial) continue;
    for (std::size_t i = 0; i < tiles_.size(); ++i) {
      if (tiles_[i].stream.moves(loop)) moved_by_[at(loop + 1)].push_back(static_cast<int>(i));
    }
  }
}

std::uint64_t TileTimer::all_positions() const {
  std::uint64_t all = 1;
  for (int l = 0; l < stepped_; ++l) {
    const mapping::NestLoop& loop = nest_.loops[at(l)];
    if (!loop.spatial) {
      all *= static_cast<std::uint64_t>(base::ceil_div(loop.extent, loop.tile));
    }
  }
  return all;
}

void TileTimer::enter_counts() {
  cost::Counts& counts = out_.counts;
  std::size_t next = 0;
  for (Role role : problem::kEveryRole) {
    const auto r = at(problem::index(role));
    cost::SumsAbove sums{.drained = problem_.tensor(Role::outputs).words()};
    for (; next < tiles_.size() && tiles_[next].stream.keepers().role == role; ++next) {
      tiles_[next].stream.enter(sums, counts);
    }
    compute_[r].enter(sums, counts);
    const cost::Keepers top{.role = role};
    counts.memories[0][r].tile = StepWords(problem_, nest_, top, {}).largest_tile();
  }
  counts.active_macs = working_instances(problem_, nest_, static_cast<int>(nest_.loops.size()));
  for (int level = 0; level < architecture_.size(); ++level) {
    counts.instances[at(level)] = working_instances(problem_, nest_, nest_.above[at(level)]);
  }
}

/// The memories inside an array, and those above that it asks, must have done what the closed form
/// says.
void TileTimer::check_array() {
  out_.counts = cost::Counter(problem_, architecture_, mapping_, nest_).count();
  const ArrayRun& run = options_.array->run();
  for (Role role : problem::kEveryRole) {
    const auto r = at(problem::index(role));
    int level = options_.array_level - 1;
    while ((mapping_.levels[at(level)].keeps & problem::bit(role)) == 0) --level;
    for (; level < architecture_.size(); ++level) {
      const cost::MemoryCount& count = out_.counts.memories[at(level)][r];
      // Of the memory above, what it takes from its own parent and gives back is not the array's.
      const bool above = level < options_.array_level;
      const bool sums = above && role == Role::outputs;
      const std::uint64_t reads = count.reads - (sums ? count.drained : 0);
      const std::uint64_t writes = above && !sums ? 0 : count.writes - (sums ? count.filled : 0);
      if (run.reads[at(level)][r] != reads || run.writes[at(level)][r] != writes) {
        throw std::logic_error(
            std::string("cycle-level simulator: the array moved other words than the closed form "
                        "of ") +
            problem::name(role));
      }
    }
  }
}

std::optional<TileRun> TileTimer::run() {
  const std::uint64_t all = all_positions();
  positions_.start(whole(problem_));
  folds_.start(whole(problem_));
  int loop = -1;
  do {
    change(loop);
    begin_fold(loop);
    work();
    ++out_.positions;
    if (options_.poll && out_.positions % kPollEvery == 0 &&
        !options_.poll(std::min(out_.positions, all), all)) {
      return std::nullopt;
    }
    loop = positions_.next();
  } while (loop >= 0);
  finish();
  return results();
}

TileRun TileTimer::results() {
  cost::Counts& counts = out_.counts;
  if (counts.macs != problem_.macs()) {
    throw std::logic_error("tile simulator: the blocks do not cover the problem once");
  }
  for (const Server& server : servers_) {
    if (server.used > now_) {
      throw std::logic_error(
          "tile simulator: a port was busy for longer than the time that passed");
    }
  }
  if (options_.array == nullptr) {
    enter_counts();
  } else {
    check_array();
  }
  out_.cycles = in_cycles(now_);
  for (const auto& [blame, ticks] : lost_) {
    const Resource resource = blame.server < 0 ? -1 : names_.resource(blame.server);
    out_.lost.push_back({.wait = blame.wait,
                         .waiting = blame.waiting,
                         .level = resource < 0 ? -1 : resource / kResourcesPerLevel,
                         .port = resource < 0 ? cost::Port::none : port_of(architecture_, resource),
                         .cycles = in_cycles(ticks)});
  }
  return std::move(out_);
}

}  // namespace timing

std::optional<TileRun> simulate_tiles(const problem::Problem& problem,
                                      const arch::Architecture& architecture,
                                      const mapping::Mapping& mapping, const TileOptions& options) {
  return timing::TileTimer(problem, architecture, mapping, options).run();
}

}  // namespace dnnaccel::sim
