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
  lines_.resize(axes);
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
  level.store.grid().stand();
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
    held.push_back({.parent = 0, .own = 0});
    for (std::size_t a = 0; a < axes; ++a) {
      const AxisSet& there = parent.store.set(above, a);
      const std::span<const Place> places =
          level.old_in_parent[a].find(store.grid().lane(a, i), store.set(i, a), there);
      std::vector<Wires::Held> longer;
      for (const Wires::Held& word : held) {
        for (std::size_t k = 0; k < places.size(); ++k) {
          if (places[k] < 0) continue;
          longer.push_back({.parent = word.parent * there.count + places[k],
                            .own = word.own * store.set(i, a).count + static_cast<Place>(k)});
        }
      }
      std::swap(held, longer);
    }
  }
}

template <typename T>
void Operand<T>::move(Level& level, Level& parent, std::size_t instance) {
  Wires& wires = level.wires.front();
  lay_lines(level, parent, instance);
  from_old_ = level.store.values(instance);
  from_parent_ = parent.store.values(wires.parent_of(instance));
  begin_ = to_ = level.store.next_values(instance);
  lacked_.clear();
  lacked_own_.clear();
  copy(0, level.store.holds(instance) ? 0 : kNowhere, 0);
  wires.pass(instance, lacked_);
  if (!wires.forwards()) return;
  for (std::size_t k = 0; k < lacked_.size(); ++k) {
    if (const Wires::Holder* holder = wires.holder(lacked_[k])) {
      begin_[lacked_own_[k]] = level.store.values(holder->instance)[holder->own];
    }
  }
}

template <typename T>
void Operand<T>::lay_lines(Level& level, Level& parent, std::size_t instance) {
  TileStore<T>& store = level.store;
  const std::size_t above = level.wires.front().parent_of(instance);
  std::int64_t old_words = 1;
  std::int64_t parent_words = 1;
  for (std::size_t a = lines_.size(); a-- > 0;) {
    const std::uint32_t lane = store.grid().lane(a, instance);
    const AxisSet& now = store.grid().now(a, lane);
    const AxisSet& there = parent.store.set(above, a);
    lines_[a] = {.old = {},
                 .parent = level.in_parent[a].find(lane, now, there),
                 .old_stride = old_words,
                 .parent_stride = parent_words};
    if (store.holds(instance)) {
      lines_[a].old = level.in_old[a].find(lane, now, store.set(instance, a));
      old_words *= store.set(instance, a).count;
    }
    parent_words *= there.count;
  }
}

template <typename T>
void Operand<T>::copy(std::size_t axis, Place old, Place parent) {
  if (axis == lines_.size()) {
    take(old, parent);
    return;
  }
  const Line& line = lines_[axis];
  for (std::size_t k = 0; k < line.parent.size(); ++k) {
    const Place kept = old < 0 || line.old[k] < 0 ? kNowhere : old + line.old[k] * line.old_stride;
    const Place there =
        parent < 0 || line.parent[k] < 0 ? kNowhere : parent + line.parent[k] * line.parent_stride;
    copy(axis + 1, kept, there);
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
