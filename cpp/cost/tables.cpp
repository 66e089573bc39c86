#include "cost/tables.hpp"

#include <algorithm>
#include <limits>

#include "base/math.hpp"

namespace dnnaccel::cost {

using problem::Role;

namespace {

constexpr std::size_t at(int i) { return static_cast<std::size_t>(i); }
constexpr std::size_t at(Role role) { return static_cast<std::size_t>(problem::index(role)); }
constexpr std::uint64_t kUnknown = std::numeric_limits<std::uint64_t>::max();

StepSpan span_of(const Steps& steps) { return {steps.data(), steps.size()}; }

}  // namespace

Tables::Tables(const problem::Problem& problem, const arch::Architecture& architecture,
               const mapping::Layout& layout, const Sparsity& sparsity)
    : problem_(problem),
      architecture_(architecture),
      layout_(layout),
      sparsity_(sparsity),
      plans_(axis_plans(problem)),
      shared_dims_(shared_dims(problem, architecture)) {
  for (const mapping::Slot& slot : layout_.slots()) {
    temporal_of_slot_.push_back(slot.spatial ? -1 : temporal_slots_++);
  }
  cuts_ = temporal_slots_ + 1;
  for (Role role : problem::kEveryRole) {
    first_window_[at(role)] = static_cast<int>(window_.size());
    window_.resize(window_.size() + plans_[at(role)].windows.size());
  }
}

const Tables::Config& Tables::config(std::uint32_t kept) {
  const auto [found, fresh] = configs_.try_emplace(kept);
  Config& config = found->second;
  if (!fresh) return config;
  for (int level = 0; level < architecture_.size(); ++level) {
    config.keeps[at(level)] = layout_.space().levels[at(level)].keep;
  }
  for (std::size_t i = 0; i < layout_.options().size(); ++i) {
    const auto& option = layout_.options()[i];
    if ((kept >> i & 1U) != 0) config.keeps[at(option.level)] |= option.role_bit;
  }
  build_pairs(config);
  return config;
}

void Tables::build_pairs(Config& config) const {
  for (Role role : problem::kEveryRole) {
    for (int parent = 0; parent < architecture_.size();) {
      Pair pair;
      pair.role = role;
      pair.parent = parent;
      pair.child = parent + 1;
      while (pair.child < architecture_.size() &&
             (config.keeps[at(pair.child)] & problem::bit(role)) == 0) {
        ++pair.child;
      }
      pair.compute = pair.child == architecture_.size();
      pair.forwards = forwards(architecture_, pair);
      for (const mapping::Slot& slot : layout_.slots()) {
        if (!slot.spatial && slot.level < pair.child) ++pair.slots;
      }
      pair.links.push_back({.from_level = parent});
      for (int level = parent + 1; level < pair.child; ++level) {
        if (architecture_.array(level) == nullptr) continue;
        pair.arrays.push_back(level);
        pair.links.push_back({.from_level = level + 1});
      }
      pair.child_link = pair.links.size() - 1;
      if (role == Role::outputs) pair.links.push_back({.from_level = parent, .all = true});
      pair.once_link = pair.links.size() - 1;
      pair.first_entry = config.entries;
      config.entries += static_cast<int>(pair.links.size());
      pair.first_window_entry = config.window_entries[at(role)];
      config.window_entries[at(role)] += static_cast<int>(pair.links.size());
      config.pairs.push_back(pair);
      parent = pair.child;
    }
  }
}

std::size_t Tables::size() const {
  std::size_t size = blocks_.size();
  for (const auto& chains : chains_) size += chains.size();
  return size;
}

ChainId Tables::intern(int dim, const std::int64_t* tiles) {
  const std::vector<int>& slots = layout_.slots_of(dim);
  std::uint64_t hash = 0;
  for (std::size_t i = 0; i < slots.size(); ++i) {
    hash = (hash ^ static_cast<std::uint64_t>(tiles[i])) * 0x9e3779b97f4a7c15ULL;
    hash ^= hash >> 29;
  }
  std::vector<ChainId>& ids = ids_[at(dim)][hash];
  std::deque<Chain>& chains = chains_[at(dim)];
  for (ChainId id : ids) {
    const Chain& chain = chains[id];
    if (std::equal(slots.begin(), slots.end(), tiles,
                   [&](int slot, std::int64_t tile) { return chain.tiles[at(slot)] == tile; })) {
      return id;
    }
  }
  const auto id = static_cast<ChainId>(chains.size());
  ids.push_back(id);
  chains.push_back(make_chain(dim, tiles));
  return id;
}

Tables::Chain Tables::make_chain(int dim, const std::int64_t* tiles) const {
  Chain chain;
  std::int64_t tile = problem_.bounds[at(dim)];
  std::size_t own = 0;
  const std::vector<int>& slots = layout_.slots_of(dim);
  for (int s = 0; s < static_cast<int>(layout_.slots().size()); ++s) {
    if (own < slots.size() && slots[own] == s) {
      const std::int64_t next = tiles[own++];
      if (next < tile && temporal_of_slot_[at(s)] >= 0) {
        chain.looping |= 1U << temporal_of_slot_[at(s)];
      }
      tile = next;
    }
    chain.tiles.push_back(tile);
  }
  const std::int64_t bound = problem_.bounds[at(dim)];
  Steps steps;
  for (int level = 0; level <= architecture_.size(); ++level) {
    // The role is of no account: nothing is united.
    Pair above;
    above.parent = above.child = level;
    gather(above, {.from_level = level}, nullptr, chain, dim, 0, -1, steps);
    chain.instances[at(level)] = absent(bound, span_of(steps));
    chain.tile[at(level)] = steps.empty() ? bound : steps[steps.size() - 1].tile;
  }
  Pair whole;
  whole.child = architecture_.size();
  gather(whole, {.from_level = 0, .all = true}, nullptr, chain, dim, temporal_slots_, -1, steps);
  chain.positions = absent(bound, span_of(steps));
  return chain;
}

void Tables::gather(const Pair& pair, Link link, const Config* keepers, const Chain& chain, int dim,
                    int cut, int own, Steps& steps) const {
  steps.clear();
  std::int64_t extent = problem_.bounds[at(dim)];
  int last_level = -1;
  for (std::size_t s = 0; s < chain.tiles.size(); ++s) {
    const mapping::Slot& slot = layout_.slots()[s];
    if (slot.level >= pair.child) break;
    if (chain.tiles[s] == extent) continue;
    extent = chain.tiles[s];
    if (!steps.empty())
      steps[steps.size() - 1].keeper_below = keeper_between(pair, keepers, last_level, slot.level);
    Step step{.tile = extent, .part = Part::outer, .keeper_below = false};
    const int t = temporal_of_slot_[s];
    if (t >= 0) {
      step.part = t == own ? Part::own : t < cut ? Part::outer : Part::inner;
    } else {
      step.part = slot.level > pair.parent && unites(pair, link, slot.level, dim) ? Part::united
                                                                                  : Part::summed;
    }
    steps.push_back(step);
    last_level = slot.level;
  }
  if (!steps.empty()) {
    steps[steps.size() - 1].keeper_below = keeper_between(pair, keepers, last_level, pair.child);
  }
}

bool Tables::unites(const Pair& pair, Link link, int level, int dim) const {
  if (link.all) return true;
  if (level < link.from_level) return false;
  return pair.forwards || (shared_dims_[at(level)][at(pair.role)] >> dim & 1U) != 0;
}

bool Tables::keeper_between(const Pair& pair, const Config* keepers, int above, int below) const {
  if (keepers == nullptr || pair.role != Role::outputs) return false;
  for (int level = above + 1; level <= below && level < architecture_.size(); ++level) {
    if (level > 0 && architecture_.memory(level) != nullptr &&
        (keepers->keeps[at(level)] & problem::bit(Role::outputs)) != 0) {
      return true;
    }
  }
  return false;
}

Tables::Values& Tables::values_of(std::vector<std::pair<std::uint32_t, Values>>& by_kept,
                                  int size) const {
  for (auto& [kept, values] : by_kept) {
    if (kept == kept_) return values;
  }
  return by_kept.emplace_back(kept_, Values(at(size), kUnknown)).second;
}

std::uint64_t Tables::value(const Pair& pair, std::size_t link, int dim, Kind kind, int cut) {
  const int entry = pair.first_entry + static_cast<int>(link);
  std::uint64_t& value = value_[at(dim)][(entry * kKinds + kind) * cuts_ + cut];
  if (value == kUnknown) value = compute(pair, pair.links[link], dim, kind, cut);
  return value;
}

std::uint64_t Tables::compute(const Pair& pair, Link link, int dim, Kind kind, int cut) const {
  Steps steps;
  gather(pair, link, config_, *chain_[at(dim)], dim, cut, kind == kOwn ? cut : -1, steps);
  const std::int64_t bound = problem_.bounds[at(dim)];
  if ((plans_[at(pair.role)].moving >> dim & 1U) == 0) return absent(bound, span_of(steps));
  switch (kind) {
    case kKept:
      return plain_kept(bound, span_of(steps));
    case kLast:
      return plain_last(bound, span_of(steps));
    default:
      return plain_fetched(bound, span_of(steps));
  }
}

std::uint64_t Tables::window_value(const Pair& pair, std::size_t link, int window,
                                   const WindowAxis& axis, WindowKind kind, int cut_p, int cut_r) {
  WindowBlock& block = *window_[at(window)];
  const int size = config_->window_entries[at(pair.role)] * kWindowKinds * cuts_ * cuts_;
  Values& values = values_of(block.values, size);
  const int entry = pair.first_window_entry + static_cast<int>(link);
  std::uint64_t& value =
      values[at(((entry * kWindowKinds + kind) * cuts_ + cut_p) * cuts_ + cut_r)];
  if (value != kUnknown) return value;
  Steps p;
  Steps r;
  gather(pair, pair.links[link], nullptr, *chain_[at(axis.dim_p)], axis.dim_p, cut_p,
         kind == kWindowOwnP ? cut_p : -1, p);
  if (axis.dim_r >= 0) {
    gather(pair, pair.links[link], nullptr, *chain_[at(axis.dim_r)], axis.dim_r, cut_r,
           kind == kWindowOwnR ? cut_r : -1, r);
  }
  const WindowSum what = kind == kWindowFetched ? WindowSum::fetched
                         : pair.forwards        ? WindowSum::forwarded
                                                : WindowSum::kept;
  value = window_sum(axis.window, what, problem_.bounds[at(axis.dim_p)], span_of(p),
                     axis.dim_r < 0 ? 1 : problem_.bounds[at(axis.dim_r)], span_of(r));
  return value;
}

std::uint64_t Tables::largest(int window, const WindowAxis& axis, int level) {
  std::uint64_t& value = window_[at(window)]->largest[at(level)];
  if (value != 0) return value - 1;
  Pair above;
  above.parent = above.child = level;
  Steps p;
  Steps r;
  gather(above, {.from_level = level}, nullptr, *chain_[at(axis.dim_p)], axis.dim_p,
         temporal_slots_, -1, p);
  if (axis.dim_r >= 0) {
    gather(above, {.from_level = level}, nullptr, *chain_[at(axis.dim_r)], axis.dim_r,
           temporal_slots_, -1, r);
  }
  // Stored one up: 0 stands for unknown.
  value =
      1 + window_sum(axis.window, WindowSum::largest, problem_.bounds[at(axis.dim_p)], span_of(p),
                     axis.dim_r < 0 ? 1 : problem_.bounds[at(axis.dim_r)], span_of(r));
  return value - 1;
}

std::uint64_t Tables::tile_words(Role role, int level) {
  const AxisPlan& plan = plans_[at(role)];
  std::uint64_t words = 1;
  for (int dim : plan.plain) words *= static_cast<std::uint64_t>(chain_[at(dim)]->tile[at(level)]);
  int window = first_window_[at(role)];
  for (const WindowAxis& axis : plan.windows) words *= largest(window++, axis, level);
  return words;
}

void Tables::adopt(const ChainedMapping& mapping) {
  kept_ = mapping.kept;
  config_ = &config(kept_);
  for (int d = 0; d < problem_.dims(); ++d) {
    id_[at(d)] = mapping.chains[at(d)];
    chain_[at(d)] = &chains_[at(d)][id_[at(d)]];
  }
  for (Role role : problem::kEveryRole) {
    int window = first_window_[at(role)];
    for (const WindowAxis& axis : plans_[at(role)].windows) {
      const std::uint64_t p = id_[at(axis.dim_p)];
      const std::uint64_t r = axis.dim_r < 0 ? 0 : id_[at(axis.dim_r)];
      window_[at(window)] = &blocks_[static_cast<std::uint64_t>(window) << 60 | p << 30 | r];
      ++window;
    }
  }
}

bool Tables::fits(const ChainedMapping& mapping) {
  adopt(mapping);
  for (int level = 1; level < architecture_.size(); ++level) {
    const arch::Memory* memory = architecture_.memory(level);
    if (memory == nullptr || memory->capacity_words == arch::kUnlimitedWords) continue;
    const std::uint64_t copies = memory->buffering == arch::Buffering::twofold ? 2 : 1;
    std::uint64_t needed = 0;
    for (Role role : problem::kEveryRole) {
      if ((config_->keeps[at(level)] & problem::bit(role)) == 0) continue;
      needed +=
          copies * sparsity_.stored_words(level, problem::index(role), tile_words(role, level));
    }
    if (needed > memory->capacity_words) return false;
  }
  return true;
}

int Tables::cut_of(int dim, std::size_t loop) const {
  const LoopAt& here = loops_[loop];
  return here.slot + (rank_[here.slot][at(dim)] <= rank_[here.slot][here.dim] ? 1 : 0);
}

std::uint64_t Tables::fetched(const Pair& pair, std::size_t link, std::size_t loops) {
  const AxisPlan& plan = plans_[at(pair.role)];
  const auto cut = [&](int dim) {
    if (pair.compute) return pair.slots;
    return loops == 0 ? 0 : cut_of(dim, loops - 1);
  };
  std::uint64_t product = 1;
  for (int dim : plan.plain) product *= value(pair, link, dim, kFetched, cut(dim));
  for (int dim : plan.absent) product *= value(pair, link, dim, kFetched, cut(dim));
  int window = first_window_[at(pair.role)];
  for (const WindowAxis& axis : plan.windows) {
    product *= window_value(pair, link, window++, axis, kWindowFetched, cut(axis.dim_p),
                            axis.dim_r < 0 ? 0 : cut(axis.dim_r));
  }
  return product;
}

std::uint64_t Tables::kept(const Pair& pair, std::size_t link, std::size_t loop) {
  const AxisPlan& plan = plans_[at(pair.role)];
  const LoopAt& here = loops_[loop];
  std::uint64_t product = 1;
  for (int dim : plan.plain) {
    product *= value(pair, link, dim, kKept, cut_of(dim, loop));
    if (product == 0) return 0;
  }
  for (int dim : plan.absent) {
    product *= dim == here.dim ? value(pair, link, dim, kOwn, here.slot)
                               : value(pair, link, dim, kFetched, cut_of(dim, loop));
  }
  int window = first_window_[at(pair.role)];
  for (const WindowAxis& axis : plan.windows) {
    const bool own_p = axis.dim_p == here.dim;
    const bool own_r = axis.dim_r == here.dim;
    const int cut_p = own_p ? here.slot : cut_of(axis.dim_p, loop);
    const int cut_r = axis.dim_r < 0 ? 0 : own_r ? here.slot : cut_of(axis.dim_r, loop);
    const WindowKind kind = own_p ? kWindowOwnP : own_r ? kWindowOwnR : kWindowKept;
    product *= window_value(pair, link, window++, axis, kind, cut_p, cut_r);
    if (product == 0) return 0;
  }
  return product;
}

std::uint64_t Tables::words(const Pair& pair, std::size_t link) {
  if (pair.compute) return fetched(pair, link, 0);
  const AxisPlan& plan = plans_[at(pair.role)];
  std::size_t loops = 0;  // those up to the innermost one on an axis of the tensor
  for (std::size_t i = 0; i < loops_.size() && loops_[i].slot < pair.slots; ++i) {
    if ((plan.dims >> loops_[i].dim & 1U) != 0) loops = i + 1;
  }
  std::uint64_t total = fetched(pair, link, loops);
  for (std::size_t i = 0; i < loops; ++i) {
    if ((plan.moving >> loops_[i].dim & 1U) == 0) total -= kept(pair, link, i);
  }
  return total;
}

std::uint64_t Tables::last_outputs(const Pair& pair, std::size_t link) {
  const AxisPlan& plan = plans_[at(Role::outputs)];
  std::uint64_t words = 1;
  for (int dim : plan.plain) words *= value(pair, link, dim, kLast, 0);
  for (int dim : plan.absent) words *= value(pair, link, dim, kFetched, 0);
  return words;
}

bool Tables::splits_between(const Pair& pair) const {
  if (pair.arrays.empty()) return false;
  for (int d = 0; d < problem_.dims(); ++d) {
    const Chain& chain = *chain_[at(d)];
    if (chain.instances[at(pair.child)] != chain.instances[at(pair.parent)]) return true;
  }
  return false;
}

void Tables::adopt_order(const ChainedMapping& mapping) {
  loops_.clear();
  for (int t = 0; t < temporal_slots_; ++t) {
    rank_[at(t)].fill(0);
    std::uint8_t rank = 0;
    for (std::uint8_t dim : mapping.order[at(t)]) {
      rank_[at(t)][dim] = ++rank;
      if ((chain_[dim]->looping >> t & 1U) != 0) {
        loops_.push_back({static_cast<std::uint8_t>(t), dim});
      }
    }
  }
}

void Tables::count_pair(const Pair& pair, SumsAbove& sums, Counts& out) {
  const bool outputs = pair.role == Role::outputs;
  // Without splits between, nothing is shared and all links carry the same.
  const bool split = splits_between(pair);
  Flow flow;
  flow.received = words(pair, pair.child_link);
  flow.sent = split ? words(pair, 0) : flow.received;
  if (outputs) flow.once = split ? words(pair, pair.once_link) : flow.received;
  if (!pair.compute) {
    const auto ramp = [&](std::size_t link) {
      return outputs ? last_outputs(pair, link) : fetched(pair, link, 0);
    };
    flow.ramp_received = ramp(pair.child_link);
    flow.ramp_sent = split ? ramp(0) : flow.ramp_received;
  }
  enter(pair, flow, sums, out);
  std::uint64_t entering = flow.sent;
  for (std::size_t i = 0; i < pair.arrays.size(); ++i) {
    const bool last = i + 1 == pair.child_link;
    const std::uint64_t leaving = last || !split ? flow.received : words(pair, i + 1);
    enter_network(pair, pair.arrays[i], entering, leaving, out);
    entering = leaving;
  }
}

void Tables::count(const ChainedMapping& mapping, Counts& out) {
  adopt(mapping);
  adopt_order(mapping);
  for (int d = 0; d < problem_.dims(); ++d) {
    value_[at(d)] = values_of(chain_[at(d)]->values, config_->entries * kKinds * cuts_).data();
  }
  out = Counts{};
  out.macs = problem_.macs();
  out.steps = 1;
  out.active_macs = 1;
  for (int d = 0; d < problem_.dims(); ++d) {
    out.steps *= chain_[at(d)]->positions;
    out.active_macs *= chain_[at(d)]->instances[at(architecture_.size())];
  }
  for (int level = 0; level < architecture_.size(); ++level) {
    out.instances[at(level)] = 1;
    for (int d = 0; d < problem_.dims(); ++d) {
      out.instances[at(level)] *= chain_[at(d)]->instances[at(level)];
    }
    for (Role role : problem::kEveryRole) {
      if ((config_->keeps[at(level)] & problem::bit(role)) != 0) {
        out.memories[at(level)][at(role)].tile = tile_words(role, level);
      }
    }
  }
  SumsAbove sums;
  for (const Pair& pair : config_->pairs) {
    if (pair.parent == 0) sums = {.drained = problem_.tensor(Role::outputs).words()};
    count_pair(pair, sums, out);
  }
}

}  // namespace dnnaccel::cost
