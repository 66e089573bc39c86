#include "sim/tile_sums.hpp"

#include <algorithm>
#include <numeric>

#include "sim/tile_arithmetic.hpp"

namespace dnnaccel::sim::tiles {

namespace {

constexpr std::size_t at(int i) { return static_cast<std::size_t>(i); }
constexpr std::size_t kOutputs = static_cast<std::size_t>(problem::Role::outputs);

}  // namespace

template <typename T>
Sums<T>::Sums(const problem::Problem& problem, const arch::Architecture& architecture,
              const mapping::Nest& nest, const std::vector<Keeper>& keepers, T* tensor) {
  const problem::Tensor& shape = problem.tensor(problem::Role::outputs);
  std::fill_n(tensor, shape.words(), T{0});
  levels_.push_back(
      {.keeper = keepers[0], .store = TileStore<T>(shape, *keepers[0].instances, tensor)});
  for (std::size_t n = 1; n < keepers.size(); ++n) {
    const Instances& instances = *keepers[n].instances;
    Level& parent = levels_.back();
    Level level{.keeper = keepers[n], .store = TileStore<T>(shape, instances, 1)};
    level.wires.emplace_back(
        find_way(problem, architecture, nest, problem::Role::outputs, keepers[n - 1], keepers[n]),
        instances.count(), keepers[n - 1].level, parent.store.room());
    for (std::size_t a = 0; a < shape.axes.size(); ++a) {
      level.in_parent.emplace_back(level.store.grid().lanes(a));
    }
    level.leaves.resize(instances.count());
    levels_.push_back(std::move(level));
  }
  for (Level& level : levels_) {
    const std::size_t instances = level.keeper.instances->count();
    level.begun.resize(instances * level.store.room());
    level.fresh.resize(instances);
  }
  levels_.front().fresh[0] = levels_.front().count.tile = shape.words();
}

template <typename T>
void Sums<T>::step(int stepped) {
  // A loop that stepped stands above this keeper and all inside it.
  std::size_t moved = 1;
  while (moved < levels_.size() && stepped >= levels_[moved].keeper.instances->above()) ++moved;
  for (std::size_t n = moved; n < levels_.size(); ++n) look_ahead(levels_[n]);
  // A parent that leaves its tile takes its children's sums first, those of idle ones too.
  for (std::size_t n = moved + 1; n < levels_.size(); ++n) pull(n);
  for (std::size_t n = levels_.size(); n-- > moved;) drain(n);
  for (std::size_t n = moved; n < levels_.size(); ++n) visit(n);
}

/// Find the new tiles, and who has to leave the one it holds for it.
template <typename T>
void Sums<T>::look_ahead(Level& level) {
  if (level.any_leaves) std::fill(level.leaves.begin(), level.leaves.end(), std::uint8_t{0});
  level.any_leaves = false;
  level.changed = level.watch.changed(level.store.grid(), *level.keeper.instances);
  if (!level.changed) return;
  for (std::size_t i = 0; i < level.leaves.size(); ++i) {
    // Idle instances keep their tile and what they have summed.
    if (level.keeper.instances->works(i) && level.store.holds(i) && !level.store.holds_now(i)) {
      level.leaves[i] = 1;
      level.any_leaves = true;
    }
  }
}

template <typename T>
void Sums<T>::pull(std::size_t n) {
  Level& level = levels_[n];
  const Level& parent = levels_[n - 1];
  if (!parent.any_leaves) return;
  for (std::size_t i = 0; i < level.leaves.size(); ++i) {
    if (parent.leaves[level.wires.front().parent_of(i)] != 0 && level.store.holds(i)) {
      level.leaves[i] = 1;
      level.any_leaves = true;
    }
  }
}

template <typename T>
void Sums<T>::drain(std::size_t n) {
  Level& level = levels_[n];
  Level& parent = levels_[n - 1];
  if (!level.any_leaves) return;
  Wires& wires = level.wires.front();
  wires.begin();
  for (const std::uint32_t i : wires.order()) {
    if (level.leaves[i] == 0) continue;
    require(level.fresh[i] == 0, "a tile is drained before all its sums have begun");
    bring(level, parent, i);
    level.store.let_go(i);
  }
}

/// The sums of one instance go up and add to what its parent has.
template <typename T>
void Sums<T>::bring(Level& level, Level& parent, std::size_t instance) {
  Wires& wires = level.wires.front();
  const std::size_t above = wires.parent_of(instance);
  require(parent.store.holds(above), "sums are brought to a parent that holds no tile");
  find_in_parent(level, parent, instance);
  const T* const from = level.store.values(instance);
  T* const to = parent.store.values(above);
  std::uint8_t* const begun = parent.begun.data() + above * parent.store.room();
  const auto add = [&](std::size_t k) {
    const auto word = static_cast<std::size_t>(places_[k]);
    to[word] = plus(to[word], from[k]);
  };
  const auto arrive = [&](std::size_t k) {
    const auto word = static_cast<std::size_t>(places_[k]);
    ++parent.count.writes;
    if (begun[word] != 0) {
      ++parent.count.reads;
    } else {
      begun[word] = 1;
      --parent.fresh[above];
    }
    add(k);
  };
  wires.pass(instance, places_, arrive, add);
  level.count.reads += places_.size();
  level.count.drained += places_.size();
}

/// Working instances that hold nothing begin their tile: at zero, but for what they are handed.
template <typename T>
void Sums<T>::visit(std::size_t n) {
  Level& level = levels_[n];
  if (!level.changed && !level.any_leaves) return;
  for (std::size_t i = 0; i < level.leaves.size(); ++i) {
    if (!level.keeper.instances->works(i) || level.store.holds(i)) continue;
    level.store.hold_now(i);
    take_begun(level, levels_[n - 1], i);
  }
}

template <typename T>
void Sums<T>::take_begun(Level& level, Level& parent, std::size_t instance) {
  const std::size_t above = level.wires.front().parent_of(instance);
  require(parent.store.holds(above), "sums are asked of a parent that holds no tile");
  find_in_parent(level, parent, instance);
  T* const to = level.store.values(instance);
  T* const from = parent.store.values(above);
  std::uint8_t* const has = level.begun.data() + instance * level.store.room();
  std::uint8_t* const begun = parent.begun.data() + above * parent.store.room();
  std::uint64_t handed = 0;
  for (std::size_t k = 0; k < places_.size(); ++k) {
    const auto word = static_cast<std::size_t>(places_[k]);
    has[k] = begun[word];
    to[k] = T{0};
    if (begun[word] == 0) continue;
    to[k] = from[word];
    from[word] = T{0};
    begun[word] = 0;
    ++handed;
  }
  parent.fresh[above] += handed;
  parent.count.reads += handed;
  level.fresh[instance] = places_.size() - handed;
  level.count.writes += handed;
  level.count.filled += handed;
  level.returned += handed;
  level.count.tile = std::max<std::uint64_t>(level.count.tile, places_.size());
}

/// Where every word of an instance's tile stands in its parent's.
template <typename T>
void Sums<T>::find_in_parent(Level& level, Level& parent, std::size_t instance) {
  const TileStore<T>& store = level.store;
  const std::size_t above = level.wires.front().parent_of(instance);
  const std::int64_t* const strides = parent.store.strides(above);
  places_.assign(1, 0);
  for (std::size_t a = 0; a < store.grid().axes(); ++a) {
    const AxisSet& here = store.set(instance, a);
    const AxisSet& there = parent.store.set(above, a);
    const auto advance = [&](Place outer, Place place) {
      require(place >= 0, "a sum is brought to, or asked of, a parent without its word");
      return outer + place * strides[a];
    };
    if (here.count == 1) {
      const Place place = there.place_of(here.first);
      for (Place& word : places_) word = advance(word, place);
      continue;
    }
    const std::span<const Place> places =
        level.in_parent[a].find(store.grid().lane(a, instance), here, there);
    longer_.clear();
    for (const Place outer : places_) {
      for (const Place place : places) longer_.push_back(advance(outer, place));
    }
    std::swap(places_, longer_);
  }
}

template <typename T>
void Sums<T>::finish() {
  for (std::size_t n = levels_.size(); n-- > 1;) {
    for (std::size_t i = 0; i < levels_[n].leaves.size(); ++i) {
      levels_[n].leaves[i] = levels_[n].store.holds(i);
    }
    levels_[n].any_leaves = true;
    drain(n);
  }
  require(levels_.front().fresh[0] == 0, "an output was never computed");
}

template <typename T>
void Sums<T>::enter(cost::Counts& counts) const {
  for (std::size_t n = 0; n < levels_.size(); ++n) {
    const Level& level = levels_[n];
    cost::MemoryCount& count = counts.memories[at(level.keeper.level)][kOutputs];
    count = level.count;
    if (n > 0) {
      count.sent = level.wires.front().sent();
      level.wires.front().enter(problem::Role::outputs, level.returned, counts);
    }
    if (n + 1 == levels_.size()) {
      count.reads += computed_reads_;
      count.writes += computed_writes_;
      count.computed_reads = computed_reads_;
      count.computed_writes = computed_writes_;
    }
  }
}

template class Sums<std::int32_t>;
template class Sums<float>;

}  // namespace dnnaccel::sim::tiles
