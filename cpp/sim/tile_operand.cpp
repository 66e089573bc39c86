#include "sim/tile_operand.hpp"

#include <algorithm>

namespace dnnaccel::sim::tiles {

namespace {

constexpr std::size_t at(int i) { return static_cast<std::size_t>(i); }

}  // namespace

template <typename T>
Operand<T>::Operand(const problem::Problem& problem, const arch::Architecture& architecture,
                    const mapping::Nest& nest, problem::Role role,
                    const std::vector<Keeper>& keepers, const T* tensor)
    : role_(role) {
  const problem::Tensor& shape = problem.tensor(role);
  const std::size_t axes = shape.axes.size();
  // Nobody writes into the tensor of an operand.
  levels_.push_back({.keeper = keepers[0],
                     .store = TileStore<T>(shape, *keepers[0].instances, const_cast<T*>(tensor))});
  for (const problem::Axis& axis : shape.axes) {
    const auto bound = [&](const problem::Term& term) {
      return Range{.first = 0, .size = problem.bounds[at(term.dim)]};
    };
    const Range r = axis.terms.size() > 1 ? bound(axis.terms[1]) : Range{.first = 0, .size = 1};
    AxisSets sets(axis);
    whole_tile_ *= static_cast<std::uint64_t>(sets.touched(bound(axis.terms[0]), r).count);
  }
  for (std::size_t n = 1; n < keepers.size(); ++n) {
    const Instances& instances = *keepers[n].instances;
    Level& parent = levels_.back();
    Level level{.keeper = keepers[n], .store = TileStore<T>(shape, instances, 2)};
    level.wires.emplace_back(
        find_way(problem, architecture, nest, role, keepers[n - 1], keepers[n]), instances.count(),
        keepers[n - 1].level, parent.store.room());
    for (std::size_t a = 0; a < axes; ++a) {
      level.parent_lane.push_back(level.store.grid().lanes_in(parent.store.grid(), a));
      const std::size_t lanes = level.store.grid().lanes(a);
      level.in_parent.emplace_back(lanes);
      level.in_old.emplace_back(lanes);
      level.old_in_parent.emplace_back(lanes);
    }
    if (level.wires.front().forwards()) level.held.resize(instances.count());
    levels_.push_back(std::move(level));
  }
}

template <typename T>
void Operand<T>::step(int stepped) {
  for (std::size_t n = 1; n < levels_.size(); ++n) {
    if (stepped < levels_[n].keeper.instances->above()) fill(n, stepped < 0);
  }
}

template <typename T>
void Operand<T>::fill(std::size_t n, bool first) {
  Level& level = levels_[n];
  Level& parent = levels_[n - 1];
  Wires& wires = level.wires.front();
  if (!level.watch.changed(level.store.grid(), *level.keeper.instances)) return;
  level.moved.clear();
  for (const std::uint32_t i : wires.order()) {
    // Idle instances receive nothing and keep their tile.
    if (level.keeper.instances->works(i) && !level.store.holds_now(i)) level.moved.push_back(i);
  }
  if (level.moved.empty()) return;
  const std::uint64_t sent = wires.sent();
  const std::uint64_t delivered = wires.delivered();
  if (wires.forwards()) note_held(level, parent);
  wires.begin(level.held);
  for (const std::uint32_t i : level.moved) move(level, parent, i);
  for (const std::uint32_t i : level.moved) {
    level.store.turn(i);
    level.store.hold_now(i);
    level.tile = std::max<std::uint64_t>(level.tile, level.store.words(i));
  }
  const std::uint64_t left = wires.sent() - sent;
  const std::uint64_t arrived = wires.delivered() - delivered;
  parent.read += left;
  level.received += arrived;
  if (wires.forwards()) level.read += arrived - left;  // a neighbour reads what it hands on
  if (first) {
    level.ramp = {.sent = left, .received = arrived, .parent = parent.keeper.level};
  }
}

/// What every instance that works can hand on: the words it holds that its parent holds, too.
template <typename T>
void Operand<T>::note_held(Level& level, Level& parent) {
  TileStore<T>& store = level.store;
  const std::size_t axes = store.grid().axes();
  for (std::size_t i = 0; i < level.held.size(); ++i) {
    std::vector<Wires::Held>& held = level.held[i];
    held.clear();
    if (!level.keeper.instances->works(i) || !store.holds(i)) continue;
    const std::size_t above = level.wires.front().parent_of(i);
    const std::int64_t* const strides = parent.store.strides(above);
    held.push_back({.parent = 0, .own = 0});
    for (std::size_t a = 0; a < axes && !held.empty(); ++a) {
      const AxisSet& here = store.set(i, a);
      const AxisSet& there = parent.store.set(above, a);
      if (here.count == 1) {
        const Place place = there.place_of(here.first);
        if (place < 0) held.clear();
        for (Wires::Held& word : held) word.parent += place * strides[a];
        continue;
      }
      const std::span<const Place> places =
          level.old_in_parent[a].find(store.grid().lane(a, i), here, there);
      longer_.clear();
      for (const Wires::Held& word : held) {
        for (std::size_t k = 0; k < places.size(); ++k) {
          if (places[k] < 0) continue;
          longer_.push_back({.parent = word.parent + places[k] * strides[a],
                             .own = word.own * here.count + static_cast<Place>(k)});
        }
      }
      std::swap(held, longer_);
    }
  }
}

template <typename T>
void Operand<T>::move(Level& level, Level& parent, std::size_t instance) {
  Wires& wires = level.wires.front();
  lacked_.clear();
  lacked_own_.clear();
  if (lay_lines(level, parent, instance)) {
    from_old_ = level.store.values(instance);
    from_parent_ = parent.store.values(wires.parent_of(instance));
    begin_ = to_ = level.store.next_values(instance);
    copy(0, old_start_, parent_start_);
  }
  wires.pass(instance, lacked_);
  if (!wires.forwards()) return;
  for (std::size_t k = 0; k < lacked_.size(); ++k) {
    if (const Wires::Holder* holder = wires.holder(lacked_[k])) {
      begin_[lacked_own_[k]] = level.store.values(holder->instance)[holder->own];
    }
  }
}

/// Find where the words of an instance's new tile stand in its old one and in its parent's. Returns
/// false if it has none.
template <typename T>
bool Operand<T>::lay_lines(Level& level, Level& parent, std::size_t instance) {
  TileStore<T>& store = level.store;
  const std::size_t above = level.wires.front().parent_of(instance);
  const std::int64_t* const old_strides = store.strides(instance);
  const std::int64_t* const parent_strides = parent.store.strides(above);
  const bool held = store.holds(instance);
  const auto advance = [](Place& start, Place place, std::int64_t stride) {
    start = start < 0 || place < 0 ? kNowhere : start + place * stride;
  };
  lines_.clear();
  old_start_ = held ? 0 : kNowhere;
  parent_start_ = 0;
  for (std::size_t a = 0; a < store.grid().axes(); ++a) {
    const std::uint32_t lane = store.grid().lane(a, instance);
    const AxisSet& now = store.grid().now(a, lane);
    const AxisSet& there = parent.store.set(above, a);
    if (now.count == 0) return false;
    if (now.count == 1) {
      advance(parent_start_, there.place_of(now.first), parent_strides[a]);
      if (held) advance(old_start_, store.set(instance, a).place_of(now.first), old_strides[a]);
      continue;
    }
    Line line{.old = {},
              .parent = level.in_parent[a].find(lane, now, there),
              .old_stride = old_strides[a],
              .parent_stride = parent_strides[a]};
    if (held) line.old = level.in_old[a].find(lane, now, store.set(instance, a));
    lines_.push_back(line);
  }
  return true;
}

template <typename T>
void Operand<T>::copy(std::size_t n, Place old, Place parent) {
  if (n == lines_.size()) {
    take(old, parent);
    return;
  }
  const Line& line = lines_[n];
  for (std::size_t k = 0; k < line.parent.size(); ++k) {
    const Place kept = old < 0 || line.old[k] < 0 ? kNowhere : old + line.old[k] * line.old_stride;
    const Place there =
        parent < 0 || line.parent[k] < 0 ? kNowhere : parent + line.parent[k] * line.parent_stride;
    copy(n + 1, kept, there);
  }
}

template <typename T>
void Operand<T>::take(Place old, Place parent) {
  if (old >= 0) {
    *to_++ = from_old_[old];
    return;
  }
  require(parent >= 0, "a word is asked of a parent that does not hold it");
  lacked_.push_back(parent);
  lacked_own_.push_back(static_cast<std::size_t>(to_ - begin_));
  *to_++ = from_parent_[parent];
}

template <typename T>
void Operand<T>::enter(cost::Counts& counts) const {
  const std::size_t role = at(problem::index(role_));
  for (std::size_t n = 0; n < levels_.size(); ++n) {
    const Level& level = levels_[n];
    const bool innermost = n + 1 == levels_.size();
    cost::MemoryCount& count = counts.memories[at(level.keeper.level)][role];
    count.reads = level.read + (innermost ? computed_ : 0);
    count.computed_reads = innermost ? computed_ : 0;
    count.writes = count.filled = level.received;
    count.tile = n == 0 ? whole_tile_ : level.tile;
    if (n == 0) continue;
    const Wires& wires = level.wires.front();
    count.sent = wires.sent();
    wires.enter(role_, 0, counts);
    cost::RampCount& ramp = counts.ramps[at(level.keeper.level)][role];
    ramp = level.ramp;
    ramp.parent = levels_[n - 1].keeper.level;
  }
}

template class Operand<std::int32_t>;
template class Operand<float>;

}  // namespace dnnaccel::sim::tiles
