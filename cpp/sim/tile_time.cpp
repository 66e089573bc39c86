#include "sim/tile_time.hpp"

#include <algorithm>
#include <cmath>
#include <stdexcept>
#include <utility>

#include "base/math.hpp"
#include "sim/tile_streams.hpp"

namespace dnnaccel::sim {

using problem::Role;

namespace {

constexpr std::size_t at(int i) { return static_cast<std::size_t>(i); }
constexpr std::uint64_t kPollEvery = 1U << 14;

double in_cycles(Ticks ticks) { return static_cast<double>(ticks) / kTicksPerCycle; }

/// The positions of a nest's outer temporal loops, in order: all instances in lockstep, as far as
/// the first goes, which has the most to do.
class Positions {
 public:
  Positions(const problem::Problem& problem, const mapping::Nest& nest, int stepped)
      : problem_(problem), nest_(nest), stepped_(stepped) {
    for (int l = 0; l < stepped; ++l) {
      outer_[at(l)] = l - 1;
      while (outer_[at(l)] >= 0 && loop(outer_[at(l)]).dim != loop(l).dim) --outer_[at(l)];
    }
    settle(0);
  }

  [[nodiscard]] const Digits& digits() const { return digits_; }

  /// Step; returns the loop that did, or -1 after the last position.
  int next() {
    for (int l = stepped_ - 1; l >= 0; --l) {
      if (loop(l).spatial) continue;
      if (loop(l).tile * (digits_[at(l)] + 1) < extent_[at(l)]) {
        ++digits_[at(l)];
        settle(l + 1);
        return l;
      }
      digits_[at(l)] = 0;
    }
    return -1;
  }

  /// What all instances together work on, by dim.
  [[nodiscard]] Chunks chunks() const {
    Chunks chunks{};
    for (int d = 0; d < problem_.dims(); ++d) chunks[at(d)].size = problem_.bounds[at(d)];
    for (int l = 0; l < stepped_; ++l) {
      if (loop(l).spatial) continue;
      cost::walking::Range& range = chunks[at(loop(l).dim)];
      range.first += digits_[at(l)] * loop(l).tile;
      range.size = base::chunk(range.size, loop(l).tile, digits_[at(l)]);
    }
    return chunks;
  }

 private:
  [[nodiscard]] const mapping::NestLoop& loop(int l) const { return nest_.loops[at(l)]; }

  /// Find out how far the loops from `from` on go, now that one outside has stepped.
  void settle(int from) {
    for (int l = from; l < stepped_; ++l) {
      const int outer = outer_[at(l)];
      extent_[at(l)] = outer < 0
                           ? problem_.bounds[at(loop(l).dim)]
                           : base::chunk(extent_[at(outer)], loop(outer).tile, digits_[at(outer)]);
    }
  }

  const problem::Problem& problem_;
  const mapping::Nest& nest_;
  int stepped_;
  std::array<int, mapping::kMaxLoops> outer_{};  ///< the next loop outside of the same dim, or -1
  Digits digits_{};
  Digits extent_{};  ///< what is left of the dim there
};

/// What made the MACs wait.
struct Blame {
  Wait wait = Wait::bandwidth;
  int waiting = -1;
  int server = -1;
  bool operator==(const Blame&) const = default;
};

/// One port or network: for how long it has been busy or is claimed already, and until when what was
/// needed at once keeps it.
struct Server {
  Ticks used = 0;
  Ticks free = 0;

  /// Ticks until a time, or until all that is claimed is done, in which it had nothing to do.
  [[nodiscard]] Ticks idle(Ticks time) const { return std::max(time, free) - used; }
};

constexpr std::size_t kMaxServers = arch::kMaxLevels * kResourcesPerLevel;

/// A moment, and for how long every server had been idle by then.
struct Moment {
  Ticks time = 0;
  std::array<Ticks, kMaxServers> idle;
};

/// A memory's tiles of one tensor, and what feeds them.
struct Tiles {
  Stream stream;
  int parent = -1;  ///< the tiles that they come from; -1: the outermost memory
  int child = -1;
  arch::Buffering buffering = arch::Buffering::single;
  bool changed = false;
  Ticks asked = 0;  ///< when the transfer of the tile that is here may have begun
  Ticks ready = 0;  ///< when it was whole
  Moment in_use{};  ///< when the MACs began on it
  // Outputs: the tile on its way up, and the one that the MACs work on, which leaves next.
  Load draining;
  std::uint64_t draining_words = 0;
  Ticks drain_from = 0;
  Ticks drained = 0;
  Moment left{};
  Load leaving;
  std::uint64_t leaving_words = 0;
  std::uint64_t fresh = 0;  ///< sums here that nobody below has begun
};

/// Loops that have to be stepped through: all down to the innermost one that moves any tile, or those
/// outside an array's folds. The MACs do what is inside as one block.
int loops_to_step(const problem::Problem& problem, const arch::Architecture& architecture,
                  const mapping::Mapping& mapping, const mapping::Nest& nest,
                  const CycleArray* array) {
  if (array != nullptr) return static_cast<int>(array->outer_loops());
  int stepped = 0;
  for (int level = 1; level < architecture.size(); ++level) {
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

class TileTimer {
 public:
  TileTimer(const problem::Problem& problem, const arch::Architecture& architecture,
            const mapping::Mapping& mapping, const TileOptions& options);
  std::optional<TileRun> run();

 private:
  struct Served {
    Ticks end = 0;
    int slowest = -1;
  };

  void change(int loop);
  void leave(Tiles& tiles);
  void fetch(Tiles& tiles, const Amounts& amounts);
  Served serve(const Load& load, Ticks from, const Moment& moment);
  void settle_drain(Tiles& tiles, Wait wait);
  void time_outermost(const Tiles& tiles, bool write, std::uint64_t words, Ticks from, Load& load);
  void wait_for(Ticks ready, const Blame& blame);
  void lose(const Blame& blame, Ticks ticks);
  void work();
  void finish();
  void remember(Moment& moment, Ticks time) const;
  std::uint64_t& fresh_above(int parent) { return parent < 0 ? fresh_ : tiles_[at(parent)].fresh; }
  [[nodiscard]] std::uint64_t all_positions() const;
  TileRun results();

  const problem::Problem& problem_;
  const arch::Architecture& architecture_;
  const TileOptions& options_;
  mapping::Nest nest_;
  int stepped_;
  Positions positions_;
  BlockWork block_;
  Servers names_;
  std::vector<Tiles> tiles_;                ///< by role, from the outside in
  std::vector<Stream> compute_;             ///< by role
  std::vector<int> innermost_;              ///< by role: the tiles that the MACs work on, or -1
  std::uint64_t fresh_ = 0;                 ///< outputs that nobody has begun
  std::vector<std::vector<int>> moved_by_;  ///< by loop + 1: tiles that its step can change
  std::array<Server, kMaxServers> servers_{};
  Ticks now_ = 0;    ///< the MACs have worked until here
  Ticks start_ = 0;  ///< they can go on from here
  bool begun_ = false;
  std::vector<std::pair<Blame, Ticks>> lost_;
  TileRun out_;
};

TileTimer::TileTimer(const problem::Problem& problem, const arch::Architecture& architecture,
                     const mapping::Mapping& mapping, const TileOptions& options)
    : problem_(problem),
      architecture_(architecture),
      options_(options),
      nest_(mapping::flatten(problem, architecture, mapping)),
      stepped_(loops_to_step(problem, architecture, mapping, nest_, options.array)),
      positions_(problem, nest_, stepped_),
      block_(problem, nest_, stepped_),
      fresh_(problem.tensor(Role::outputs).words()) {
  for (Role role : problem::kEveryRole) {
    int parent_tiles = -1;
    for (int parent = 0;;) {
      Stream stream(problem, architecture, mapping, nest_, options, names_, role, parent, stepped_);
      parent = stream.keepers().child;
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
  if (options.timing != nullptr) {
    for (int port : {0, 1, 2}) names_.number(port);
  }
  moved_by_.resize(at(stepped_ + 1));
  for (int loop = -1; loop < stepped_; ++loop) {
    if (loop >= 0 && nest_.loops[at(loop)].spatial) continue;
    for (std::size_t i = 0; i < tiles_.size(); ++i) {
      if (tiles_[i].stream.moves(loop)) moved_by_[at(loop + 1)].push_back(static_cast<int>(i));
    }
  }
}

void TileTimer::remember(Moment& moment, Ticks time) const {
  moment.time = time;
  for (std::size_t s = 0; s < names_.size(); ++s) moment.idle[s] = servers_[s].idle(time);
}

/// Serve a transfer that may begin at `from`. Of the time until now it gets what the servers had
/// left since the moment, at most all since `from`; the rest is needed at once and waits its turn.
TileTimer::Served TileTimer::serve(const Load& load, Ticks from, const Moment& moment) {
  Served served{.end = from};
  for (const Busy& busy : load) {
    Server& server = servers_[at(busy.server)];
    const Ticks idle = server.idle(now_) - moment.idle[at(busy.server)];
    const Ticks ahead = std::clamp<Ticks>(std::min(idle, now_ - from), 0, busy.ticks);
    Ticks end = from + busy.ticks;
    if (ahead < busy.ticks) {
      end = std::max({now_, from, server.free}) + busy.ticks - ahead;
      server.free = end;
    }
    server.used += busy.ticks;
    if (end > served.end) served = {.end = end, .slowest = busy.server};
  }
  return served;
}

void TileTimer::lose(const Blame& blame, Ticks ticks) {
  if (ticks == 0) return;
  const auto same = std::find_if(lost_.begin(), lost_.end(),
                                 [&](const auto& entry) { return entry.first == blame; });
  if (same == lost_.end()) {
    lost_.emplace_back(blame, ticks);
  } else {
    same->second += ticks;
  }
  if (options_.observer != nullptr) {
    const Resource resource = blame.server < 0 ? -1 : names_.resource(blame.server);
    options_.observer->waited(
        {.wait = blame.wait,
         .waiting = blame.waiting,
         .level = resource < 0 ? -1 : resource / kResourcesPerLevel,
         .port = resource < 0 ? cost::Port::none : port_of(architecture_, resource),
         .cycles = in_cycles(ticks)},
        in_cycles(start_));
  }
}

void TileTimer::wait_for(Ticks ready, const Blame& blame) {
  if (ready <= start_) return;
  lose(blame, ready - start_);
  start_ = ready;
}

/// What the model of the outermost memory makes of a transfer, in place of its bandwidth.
void TileTimer::time_outermost(const Tiles& tiles, bool write, std::uint64_t words, Ticks from,
                               Load& load) {
  if (options_.timing == nullptr || tiles.stream.keepers().parent != 0 || words == 0) return;
  const double cycles =
      options_.timing->cycles(tiles.stream.keepers().role, write, words, in_cycles(from));
  Load timed;
  for (const Busy& busy : load) {
    if (names_.resource(busy.server) >= kResourcesPerLevel) timed.push_back(busy);
  }
  timed.push_back({.server = names_.number(2),  // its one port
                   .ticks = static_cast<Ticks>(std::ceil(cycles * kTicksPerCycle))});
  load = timed;
}

/// The drain before the last one has to be through, since its place is needed.
void TileTimer::settle_drain(Tiles& tiles, Wait wait) {
  if (tiles.draining_words == 0) return;
  const int level = tiles.stream.keepers().child;
  const Served served = serve(tiles.draining, tiles.drain_from, tiles.left);
  if (options_.observer != nullptr) {
    options_.observer->moved(level, Role::outputs, false, in_cycles(tiles.drain_from),
                             in_cycles(served.end), tiles.draining_words);
  }
  tiles.drained = served.end;
  wait_for(served.end, {.wait = wait, .waiting = level, .server = served.slowest});
  tiles.draining_words = 0;
  tiles.draining.clear();
}

/// Outputs leave, those of memories inside first.
void TileTimer::leave(Tiles& tiles) {
  settle_drain(tiles, Wait::bandwidth);
  tiles.draining = tiles.leaving;
  tiles.draining_words = tiles.leaving_words;
  tiles.drain_from = now_;
  if (tiles.child >= 0 && tiles_[at(tiles.child)].changed) {
    tiles.drain_from = std::max(now_, tiles_[at(tiles.child)].drained);
  }
  remember(tiles.left, now_);
  time_outermost(tiles, true, tiles.draining_words, tiles.drain_from, tiles.draining);
  Ticks longest = 0;
  for (const Busy& busy : tiles.draining) longest = std::max(longest, busy.ticks);
  tiles.drained = tiles.drain_from + longest;
  if (tiles.buffering == arch::Buffering::single) settle_drain(tiles, Wait::refill);
}

void TileTimer::fetch(Tiles& tiles, const Amounts& amounts) {
  const cost::Keepers& keepers = tiles.stream.keepers();
  const bool single = tiles.buffering == arch::Buffering::single;
  Ticks from = single ? now_ : tiles.in_use.time;
  Ticks whole = 0;
  if (tiles.parent >= 0) {
    const Tiles& parent = tiles_[at(tiles.parent)];
    const bool passes_on = parent.buffering == arch::Buffering::stream;
    from = std::max(from, passes_on ? parent.asked : parent.ready);
    whole = parent.ready;
  }
  if (single) from = std::max(from, tiles.drained);
  from += static_cast<Ticks>(std::ceil(options_.latency[at(keepers.parent)] * kTicksPerCycle));
  Load load;
  tiles.stream.load_fill(amounts, load);
  const std::uint64_t words =
      keepers.role == Role::outputs ? amounts.begun : tiles.stream.received(amounts);
  if (words == 0) return;
  time_outermost(tiles, false, keepers.role == Role::outputs ? words : amounts.link[0], from, load);
  const Served served = serve(load, from, tiles.in_use);
  tiles.asked = from;
  tiles.ready = std::max(served.end, whole);
  wait_for(tiles.ready, {.wait = !begun_  ? Wait::fill
                                 : single ? Wait::refill
                                          : Wait::bandwidth,
                         .waiting = keepers.child,
                         .server = served.slowest});
  if (options_.observer != nullptr) {
    options_.observer->moved(keepers.child, keepers.role, true, in_cycles(from),
                             in_cycles(tiles.ready), words);
  }
}

/// Tiles change: outputs leave from the inside out, then everything comes from the outside in.
void TileTimer::change(int loop) {
  start_ = now_;
  const std::vector<int>& moved = moved_by_[at(loop + 1)];
  std::array<Amounts, arch::kMaxLevels * problem::kRoles> amounts;
  for (int i : moved) {
    Tiles& tiles = tiles_[at(i)];
    const Amounts& now = amounts[at(i)] =
        tiles.stream.step(positions_.digits(), loop, fresh_above(tiles.parent));
    tiles.changed = tiles.stream.received(now) > 0;
    tiles.fresh += tiles.stream.received(now) - now.begun;
    if (tiles.changed) ++out_.transfers;
  }
  for (auto i = moved.rbegin(); i != moved.rend(); ++i) {
    Tiles& tiles = tiles_[at(*i)];
    if (!tiles.changed || tiles.stream.keepers().role != Role::outputs) continue;
    if (begun_) leave(tiles);
    tiles.leaving.clear();
    tiles.stream.load_drain(amounts[at(*i)], tiles.leaving);
    tiles.leaving_words = tiles.stream.received(amounts[at(*i)]);
  }
  for (int i : moved) {
    if (tiles_[at(i)].changed) fetch(tiles_[at(i)], amounts[at(i)]);
  }
  for (int i : moved) {
    if (tiles_[at(i)].changed) remember(tiles_[at(i)].in_use, start_);
    tiles_[at(i)].changed = false;
  }
}

void TileTimer::work() {
  const Digits& digits = positions_.digits();
  const std::uint64_t steps = block_.steps(digits);
  const std::uint64_t macs = block_.macs(digits);
  Load load;
  for (std::size_t role = 0; role < compute_.size(); ++role) {
    std::uint64_t& fresh = fresh_above(innermost_[role]);
    compute_[role].load_fill(compute_[role].step(digits, begun_ ? 0 : -1, fresh), load);
  }
  out_.counts.steps += steps;
  out_.counts.macs += macs;
  const auto ticks = static_cast<Ticks>(
      std::ceil(static_cast<double>(steps) * options_.sparsity.steps * kTicksPerCycle));
  Busy slowest{.server = -1, .ticks = ticks};
  for (const Busy& busy : load) {
    servers_[at(busy.server)].used += busy.ticks;
    if (busy.ticks > slowest.ticks) slowest = busy;
  }
  now_ = start_ + slowest.ticks;
  if (options_.array != nullptr) {
    const FoldTime fold = options_.array->fold(
        positions_.chunks(), static_cast<std::uint64_t>(std::ceil(in_cycles(start_))));
    now_ = static_cast<Ticks>(static_cast<double>(fold.end) * kTicksPerCycle);
    slowest.server = -1;
  }
  if (options_.observer != nullptr) {
    options_.observer->worked(in_cycles(start_), in_cycles(now_), macs);
  }
  out_.compute_cycles += in_cycles(ticks);
  const Ticks begin = std::exchange(start_, now_);
  lose({.wait = options_.array != nullptr ? Wait::array : Wait::port, .server = slowest.server},
       now_ - begin - ticks);
  begun_ = true;
}

/// What is still inside leaves, from the inside out.
void TileTimer::finish() {
  start_ = now_;
  Ticks from = now_;
  for (std::size_t i = tiles_.size(); i-- > 0;) {
    Tiles& tiles = tiles_[i];
    if (tiles.stream.keepers().role != Role::outputs) continue;
    settle_drain(tiles, Wait::drain);
    tiles.draining = tiles.leaving;
    tiles.draining_words = tiles.leaving_words;
    tiles.drain_from = std::max(from, tiles.drained);
    remember(tiles.left, now_);
    time_outermost(tiles, true, tiles.draining_words, tiles.drain_from, tiles.draining);
    settle_drain(tiles, Wait::drain);
    from = std::max(from, tiles.drained);
  }
  now_ = start_;
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

std::optional<TileRun> TileTimer::run() {
  const std::uint64_t all = all_positions();
  int loop = -1;
  do {
    change(loop);
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
      throw std::logic_error("tile simulator: a port was busy for longer than the time that passed");
    }
  }
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

}  // namespace

std::optional<TileRun> simulate_tiles(const problem::Problem& problem,
                                      const arch::Architecture& architecture,
                                      const mapping::Mapping& mapping, const TileOptions& options) {
  return TileTimer(problem, architecture, mapping, options).run();
}

}  // namespace dnnaccel::sim
