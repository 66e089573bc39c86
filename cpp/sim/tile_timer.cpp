#include "sim/tile_timer.hpp"

namespace dnnaccel::sim::timing {

using problem::Role;

namespace {

constexpr std::size_t at(int i) { return static_cast<std::size_t>(i); }

}  // namespace

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

/// What the model of the outermost memory makes of a transfer, in place of its bandwidth: its one
/// port is the shared one. Returns the latency.
Ticks TileTimer::time_outermost(const Tiles& tiles, bool write, std::uint64_t words, Ticks from,
                                Load& load) {
  if (options_.timing == nullptr || tiles.stream.keepers().parent != 0 || words == 0) return 0;
  const MemoryTiming::Transfer transfer =
      options_.timing->transfer(tiles.stream.keepers().role, write, words, in_cycles(from));
  Load timed;
  for (const Busy& busy : load) {
    if (names_.resource(busy.server) >= kResourcesPerLevel) timed.push_back(busy);
  }
  timed.push_back(
      {.server = names_.number(kOutermostPort), .ticks = in_ticks(transfer.busy_cycles)});
  load = timed;
  return in_ticks(transfer.latency_cycles);
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
  tiles.arriving_words = tiles.leaving_arrive;
  tiles.drain_from = now_;
  if (tiles.child >= 0 && tiles_[at(tiles.child)].changed) {
    tiles.drain_from = std::max(now_, tiles_[at(tiles.child)].drained);
  }
  remember(tiles.left, now_);
  time_outermost(tiles, true, tiles.arriving_words, tiles.drain_from, tiles.draining);
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
  from += in_ticks(options_.latency[at(keepers.parent)]);
  Load load;
  tiles.stream.load_fill(amounts, load);
  const std::uint64_t words =
      keepers.role == Role::outputs ? amounts.begun : tiles.stream.received(amounts);
  if (words == 0) return;
  const std::uint64_t sent = keepers.role == Role::outputs ? words : amounts.link[0];
  const Ticks latency = time_outermost(tiles, false, sent, from, load);
  Served served = serve(load, from, tiles.in_use);
  served.end += latency;
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
    tiles.leaving_arrive = amounts[at(*i)].link[0];
  }
  for (int i : moved) {
    if (tiles_[at(i)].changed) fetch(tiles_[at(i)], amounts[at(i)]);
  }
  for (int i : moved) {
    if (tiles_[at(i)].changed) remember(tiles_[at(i)].in_use, start_);
    tiles_[at(i)].changed = false;
  }
}

/// A fold begins: what the array has taken by its end beyond all steps is lost by now. (A fold that
/// follows a larger one closely can end early; that wins nothing back.)
void TileTimer::begin_fold(int loop) {
  if (options_.array == nullptr || loop >= static_cast<int>(options_.array->outer_loops())) return;
  const FoldTime time = options_.array->fold(folds_.chunks(), 0);
  folds_.next();
  fold_steps_ += fold_.steps(positions_.digits());
  wait_for_array(time.end);
}

void TileTimer::wait_for_array(std::uint64_t end) {
  if (end <= fold_steps_ + array_lost_) return;
  const std::uint64_t lost = end - fold_steps_ - array_lost_;
  array_lost_ += lost;
  const Ticks ticks = in_ticks(static_cast<double>(lost));
  lose({.wait = Wait::array}, ticks);
  start_ += ticks;
}

void TileTimer::work() {
  const Digits& digits = positions_.digits();
  const std::uint64_t steps = block_.steps(digits);
  const std::uint64_t macs = block_.macs(digits);
  Load load;
  for (std::size_t i = 0; i < compute_.size(); ++i) {
    std::uint64_t& fresh = fresh_above(innermost_[i]);
    compute_[i].load_fill(compute_[i].step(digits, begun_ ? 0 : -1, fresh), load);
  }
  out_.counts.steps += steps;
  out_.counts.macs += macs;
  const Ticks ticks = in_ticks(static_cast<double>(steps) * options_.sparsity.steps);
  Busy slowest{.server = -1, .ticks = ticks};
  for (const Busy& busy : load) {
    servers_[at(busy.server)].used += busy.ticks;
    if (busy.ticks > slowest.ticks) slowest = busy;
  }
  now_ = start_ + slowest.ticks;
  if (options_.observer != nullptr) {
    options_.observer->worked(in_cycles(start_), in_cycles(now_), macs);
  }
  out_.compute_cycles += in_cycles(ticks);
  const Ticks begin = std::exchange(start_, now_);
  lose({.wait = Wait::port, .server = slowest.server}, now_ - begin - ticks);
  begun_ = true;
}

/// What is still inside leaves, from the inside out.
void TileTimer::finish() {
  start_ = now_;
  if (options_.array != nullptr) {
    options_.array->finish();
    wait_for_array(options_.array->run().cycles);
    now_ = start_;
  }
  Ticks from = now_;
  for (std::size_t i = tiles_.size(); i-- > 0;) {
    Tiles& tiles = tiles_[i];
    if (tiles.stream.keepers().role != Role::outputs) continue;
    settle_drain(tiles, Wait::drain);
    tiles.draining = tiles.leaving;
    tiles.draining_words = tiles.leaving_words;
    tiles.arriving_words = tiles.leaving_arrive;
    tiles.drain_from = std::max(from, tiles.drained);
    remember(tiles.left, now_);
    time_outermost(tiles, true, tiles.arriving_words, tiles.drain_from, tiles.draining);
    settle_drain(tiles, Wait::drain);
    from = std::max(from, tiles.drained);
  }
  now_ = start_;
}

}  // namespace dnnaccel::sim::timing
