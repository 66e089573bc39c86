#include "cost/counter.hpp"

#include <algorithm>
#include <limits>
#include <stdexcept>

#include "base/math.hpp"

namespace dnnaccel::cost {

using problem::Role;

namespace {

constexpr std::size_t at(int i) { return static_cast<std::size_t>(i); }
constexpr std::size_t at(Role role) { return static_cast<std::size_t>(problem::index(role)); }

// A table that has grown past this is emptied: it is a cache, and a search may run for hours.
constexpr std::size_t kMaxTableEntries = 1U << 20;

}  // namespace

bool Counter::Key::operator==(const Key& other) const {
  return size == other.size && std::equal(words.begin(), words.begin() + size, other.words.begin());
}

std::size_t Counter::KeyHash::operator()(const Key& key) const {
  std::uint64_t hash = key.size;
  for (std::uint32_t i = 0; i < key.size; ++i) {
    hash = (hash ^ key.words[i]) * 0x9e3779b97f4a7c15ULL;
    hash ^= hash >> 32;
  }
  return static_cast<std::size_t>(hash);
}

Counter::Counter(const problem::Problem& problem, const arch::Architecture& architecture)
    : problem_(problem), architecture_(architecture) {
  int tables = 0;
  for (Role role : {Role::inputs, Role::weights, Role::outputs}) {
    const problem::Tensor& tensor = problem_.tensor(role);
    std::vector<AxisPlan>& plan = plans_[at(role)];
    dims_[at(role)] = tensor.dims();
    std::vector<AxisPlan> windows;
    for (const problem::Axis& axis : tensor.axes) {
      // A dim of one position moves nothing: an axis it shares is a plain one.
      std::vector<problem::Term> terms;
      for (const problem::Term& term : axis.terms) {
        if (problem_.bounds[at(term.dim)] > 1) terms.push_back(term);
      }
      if (terms.empty()) terms.push_back(axis.terms.front());
      AxisPlan one;
      one.dim_p = terms.front().dim;
      const bool plain = terms.size() == 1 && terms.front().coefficient == 1 && axis.offset == 0 &&
                         axis.size >= problem_.bounds[at(one.dim_p)];
      if (plain) {
        // One position, one word: a factor of 1 in every product.
        if (problem_.bounds[at(one.dim_p)] > 1) {
          plan.push_back(one);
          moving_[at(role)] |= 1U << one.dim_p;
        }
        continue;
      }
      one.kind = AxisPlan::Kind::window;
      one.window.coefficient[0] = terms.front().coefficient;
      if (terms.size() == 2) {
        one.dim_r = terms.back().dim;
        one.window.coefficient[1] = terms.back().coefficient;
      }
      one.window.offset = axis.offset;
      one.window.size = axis.size;
      one.table = tables++;
      windows.push_back(one);
    }
    for (int d = 0; d < problem_.dims(); ++d) {
      if ((dims_[at(role)] >> d & 1U) == 0 && problem_.bounds[at(d)] > 1) {
        AxisPlan lacking;
        lacking.kind = AxisPlan::Kind::absent;
        lacking.dim_p = d;
        plan.push_back(lacking);
      }
    }
    // Windows last: a product is often 0 before it comes to them.
    plan.insert(plan.end(), windows.begin(), windows.end());
  }
  tables_.resize(at(tables));
  for (int level = 0; level < architecture_.size(); ++level) {
    if (const arch::Array* array = architecture_.array(level)) {
      const std::uint32_t multicast = array->multicast.mask(problem_);
      shared_dims_[at(level)] = {multicast, multicast, array->reduce.mask(problem_)};
    }
  }
}

void Counter::adopt(const mapping::Mapping& mapping, const mapping::Nest& nest) {
  nest_ = &nest;
  for (int d = 0; d < problem_.dims(); ++d) loops_of_[at(d)].clear();
  for (std::size_t i = 0; i < nest.loops.size(); ++i) {
    loops_of_[at(nest.loops[i].dim)].push_back(static_cast<std::uint8_t>(i));
  }
  output_keepers_ = 0;
  for (int level = 1; level < architecture_.size(); ++level) {
    const bool keeps = architecture_.memory(level) != nullptr &&
                       (mapping.levels[at(level)].keeps & problem::bit(Role::outputs)) != 0;
    const std::uint8_t above = nest.above[at(level)];
    if (keeps && above < mapping::kMaxLoops) output_keepers_ |= 1ULL << above;
  }
}

bool Counter::shares_over(const mapping::NestLoop& split, Role role) const {
  return (shared_dims_[at(split.level)][at(role)] >> split.dim & 1U) != 0;
}

void Counter::gather(const Pair& pair, Unite unite, Position position, int dim,
                     Steps& steps) const {
  steps.clear();
  const auto& loops = loops_of_[at(dim)];
  for (std::size_t i = 0; i < loops.size() && loops[i] < pair.child_above; ++i) {
    const int l = loops[i];
    const mapping::NestLoop& loop = nest_->loops[at(l)];
    Step step{.tile = loop.tile, .part = Part::outer, .keeper_below = false};
    if (loop.spatial) {
      const bool shares =
          unite.all || (l >= unite.from && (pair.forwards || shares_over(loop, pair.role)));
      step.part = l >= pair.parent_above && shares ? Part::united : Part::summed;
    } else if (l == position.stepping) {
      step.part = Part::own;
    } else {
      step.part = l < position.cut ? Part::outer : Part::inner;
    }
    if (pair.role == Role::outputs && output_keepers_ != 0) {
      const int next =
          i + 1 < loops.size() ? std::min<int>(loops[i + 1], pair.child_above) : pair.child_above;
      // Bits l + 1 .. next: memories between this loop of the dim and its next one.
      const std::uint64_t upto =
          next >= 63 ? std::numeric_limits<std::uint64_t>::max() : (2ULL << next) - 1;
      step.keeper_below = (output_keepers_ & upto & ~((2ULL << l) - 1)) != 0;
    }
    steps.push_back(step);
  }
}

std::uint64_t Counter::window_value(const AxisPlan& axis, WindowSum what, const Steps& p,
                                    const Steps& r) {
  const std::int64_t extent_p = problem_.bounds[at(axis.dim_p)];
  const std::int64_t extent_r = axis.dim_r < 0 ? 1 : problem_.bounds[at(axis.dim_r)];
  const auto compute = [&] {
    return window_sum(axis.window, what, extent_p, {p.data(), p.size()}, extent_r,
                      {r.data(), r.size()});
  };
  Key key;
  if (p.size() + r.size() + 1 > key.words.size()) return compute();
  key.words[key.size++] = static_cast<std::uint64_t>(what) << 8 | p.size();
  for (const Steps* steps : {&p, &r}) {
    for (const Step& step : *steps) {
      key.words[key.size++] =
          static_cast<std::uint64_t>(step.tile) << 3 | static_cast<std::uint64_t>(step.part);
    }
  }
  auto& table = tables_[at(axis.table)];
  if (const auto found = table.find(key); found != table.end()) return found->second;
  const std::uint64_t value = compute();
  if (table.size() >= kMaxTableEntries) table.clear();
  table.emplace(key, value);
  return value;
}

std::uint64_t Counter::axis_value(const Pair& pair, Unite unite, Position position,
                                  const AxisPlan& axis) {
  Steps p;
  gather(pair, unite, position, axis.dim_p, p);
  const StepSpan span{p.data(), p.size()};
  const std::int64_t extent = problem_.bounds[at(axis.dim_p)];
  const bool kept = position.stepping >= 0;
  switch (axis.kind) {
    case AxisPlan::Kind::plain:
      return kept ? plain_kept(extent, span) : plain_fetched(extent, span);
    case AxisPlan::Kind::absent:
      return absent(extent, span);
    case AxisPlan::Kind::window: {
      Steps r;
      if (axis.dim_r >= 0) gather(pair, unite, position, axis.dim_r, r);
      WindowSum what = WindowSum::fetched;
      if (kept) what = pair.forwards ? WindowSum::forwarded : WindowSum::kept;
      return window_value(axis, what, p, r);
    }
  }
  return 0;
}

std::uint64_t Counter::product(const Pair& pair, Unite unite, Position position) {
  std::uint64_t value = 1;
  for (const AxisPlan& axis : plans_[at(pair.role)]) {
    value *= axis_value(pair, unite, position, axis);
    if (value == 0) return 0;
  }
  return value;
}

std::uint64_t Counter::words(const Pair& pair, Unite unite) {
  if (pair.compute) return product(pair, unite, {.cut = pair.child_above});
  const std::uint32_t dims = dims_[at(pair.role)];
  int innermost = -1;
  for (int l = pair.child_above - 1; l >= 0 && innermost < 0; --l) {
    const mapping::NestLoop& loop = nest_->loops[at(l)];
    if (!loop.spatial && (dims >> loop.dim & 1U) != 0) innermost = l;
  }
  std::uint64_t total = product(pair, unite, {.cut = innermost + 1});
  for (int l = 0; l <= innermost; ++l) {
    const mapping::NestLoop& loop = nest_->loops[at(l)];
    // A step along a plain axis leaves nothing of the old tile.
    if (loop.spatial || (moving_[at(pair.role)] >> loop.dim & 1U) != 0) continue;
    total -= product(pair, unite, {.cut = l, .stepping = l});
  }
  return total;
}

std::uint64_t Counter::largest_tile(Role role, int above) {
  // Every position, every instance by itself.
  const Pair pair{.role = role, .parent_above = above, .child_above = above};
  std::uint64_t tile = 1;
  for (const AxisPlan& axis : plans_[at(role)]) {
    if (axis.kind == AxisPlan::Kind::absent) continue;
    Steps p;
    gather(pair, {}, {.cut = above}, axis.dim_p, p);
    if (axis.kind == AxisPlan::Kind::plain) {
      tile *= static_cast<std::uint64_t>(p.empty() ? problem_.bounds[at(axis.dim_p)]
                                                   : p[p.size() - 1].tile);
      continue;
    }
    Steps r;
    if (axis.dim_r >= 0) gather(pair, {}, {.cut = above}, axis.dim_r, r);
    tile *= window_value(axis, WindowSum::largest, p, r);
  }
  return tile;
}

std::uint64_t Counter::instances(int above) const {
  const Pair pair{.parent_above = above, .child_above = above};
  std::uint64_t count = 1;
  for (int d = 0; d < problem_.dims(); ++d) {
    Steps steps;
    gather(pair, {}, {.cut = 0}, d, steps);
    count *= absent(problem_.bounds[at(d)], {steps.data(), steps.size()});
  }
  return count;
}

std::uint64_t Counter::temporal_positions() const {
  const int all = static_cast<int>(nest_->loops.size());
  const Pair pair{.parent_above = 0, .child_above = all};
  std::uint64_t count = 1;
  for (int d = 0; d < problem_.dims(); ++d) {
    Steps steps;
    gather(pair, {.all = true}, {.cut = all}, d, steps);
    count *= absent(problem_.bounds[at(d)], {steps.data(), steps.size()});
  }
  return count;
}

std::uint64_t Counter::last_outputs(const Pair& pair, Unite unite) const {
  std::uint64_t words = 1;
  for (const AxisPlan& axis : plans_[at(Role::outputs)]) {
    Steps steps;
    gather(pair, unite, {.cut = 0}, axis.dim_p, steps);
    const StepSpan span{steps.data(), steps.size()};
    const std::int64_t extent = problem_.bounds[at(axis.dim_p)];
    words *= axis.kind == AxisPlan::Kind::absent ? absent(extent, span) : plain_last(extent, span);
  }
  return words;
}

int Counter::next_keeper(Role role, const mapping::Mapping& mapping, int after) const {
  for (int level = after + 1; level < architecture_.size(); ++level) {
    if (architecture_.memory(level) != nullptr &&
        (mapping.levels[at(level)].keeps & problem::bit(role)) != 0) {
      return level;
    }
  }
  return architecture_.size();
}

Counter::Pair Counter::make_pair(Role role, int parent, int child) const {
  Pair pair{.role = role,
            .parent = parent,
            .child = child,
            .parent_above = nest_->above[at(parent)],
            .child_above = nest_->above[at(child)],
            .compute = child == architecture_.size()};
  bool others = false;
  for (int l = pair.parent_above; l < pair.child_above; ++l) {
    const mapping::NestLoop& loop = nest_->loops[at(l)];
    if (!loop.spatial) continue;
    if (shares_over(loop, role)) pair.shares = true;
    const bool forwards = (architecture_.array(loop.level)->forwards & problem::bit(role)) != 0;
    (forwards ? pair.forwards : others) = true;
  }
  // Compute holds nothing to pass on. Where only some of the splits forward, siblings of different
  // kinds would mix; the words then come from the parent, which is an upper bound.
  if (pair.compute || others) pair.forwards = false;
  // Neighbours that pass words on need each of them once, whatever the network could multicast.
  if (pair.forwards) pair.shares = true;
  return pair;
}

void Counter::count_networks(const Pair& pair, std::uint64_t first_sent,
                             std::uint64_t last_delivered, Counts& out) {
  int first = -1;
  int last = -1;
  for (int level = pair.parent + 1; level < pair.child; ++level) {
    if (architecture_.array(level) == nullptr) continue;
    if (first < 0) first = level;
    last = level;
  }
  for (int level = first; level >= 0 && level <= last; ++level) {
    if (architecture_.array(level) == nullptr) continue;
    NetworkCount& count = out.networks[at(level)][at(pair.role)];
    count.sent = level == first ? first_sent : words(pair, {.from = nest_->above[at(level)]});
    count.delivered =
        level == last ? last_delivered : words(pair, {.from = nest_->above[at(level + 1)]});
    count.hops = count.delivered - count.sent;
  }
}

void Counter::count_operand(Role role, const mapping::Mapping& mapping, Counts& out) {
  for (int parent = 0; parent < architecture_.size();) {
    const Pair pair = make_pair(role, parent, next_keeper(role, mapping, parent));
    const std::uint64_t received = words(pair, {.from = pair.child_above});
    const std::uint64_t sent = pair.shares ? words(pair, {.from = pair.parent_above}) : received;
    out.memories[at(parent)][at(role)].reads += sent;
    if (!pair.compute) {
      MemoryCount& child = out.memories[at(pair.child)][at(role)];
      child.writes += received;
      child.filled = received;
      child.sent = sent;
      if (pair.forwards) child.reads += received - sent;
      out.ramps[at(pair.child)][at(role)] = {
          .sent = product(pair, {.from = pair.parent_above}, {.cut = 0}),
          .received = product(pair, {.from = pair.child_above}, {.cut = 0}),
          .parent = parent};
    }
    count_networks(pair, sent, received, out);
    parent = pair.child;
  }
}

void Counter::count_outputs(const mapping::Mapping& mapping, Counts& out) {
  // Notation of counting.md section 5: D drained by a level, A arriving at its parent, E each once
  // per drain.
  std::uint64_t drained_by_parent = problem_.tensor(Role::outputs).words();
  std::uint64_t seeds_of_parent = 0;
  for (int parent = 0; parent < architecture_.size();) {
    const Pair pair = make_pair(Role::outputs, parent, next_keeper(Role::outputs, mapping, parent));
    const std::uint64_t drained = words(pair, {.from = pair.child_above});
    const std::uint64_t arriving = pair.shares ? words(pair, {.from = pair.parent_above}) : drained;
    const std::uint64_t once = words(pair, {.from = pair.parent_above, .all = true});
    const std::uint64_t first_visits = drained_by_parent - seeds_of_parent;
    const std::uint64_t seeds = once - first_visits;
    MemoryCount& above = out.memories[at(parent)][at(Role::outputs)];
    above.writes += arriving;
    above.reads += arriving - first_visits;
    if (!pair.compute) {
      MemoryCount& below = out.memories[at(pair.child)][at(Role::outputs)];
      below.reads += drained;
      below.writes += seeds;
      below.drained = drained;
      below.filled = seeds;
      below.sent = arriving;
      out.ramps[at(pair.child)][at(Role::outputs)] = {
          .sent = last_outputs(pair, {.from = pair.parent_above}),
          .received = last_outputs(pair, {.from = pair.child_above}),
          .parent = parent};
    }
    count_networks(pair, arriving, drained, out);
    for (int level = pair.parent + 1; level < pair.child; ++level) {
      if (architecture_.array(level) != nullptr) {
        out.networks[at(level)][at(Role::outputs)].returned = seeds;
      }
    }
    drained_by_parent = drained;
    seeds_of_parent = seeds;
    parent = pair.child;
  }
}

std::optional<Misfit> Counter::misfit(const mapping::Mapping& mapping, const mapping::Nest& nest) {
  adopt(mapping, nest);
  for (int level = 0; level < architecture_.size(); ++level) {
    const arch::Memory* memory = architecture_.memory(level);
    if (memory == nullptr || memory->capacity_words == arch::kUnlimitedWords) continue;
    Misfit misfit{.level = level, .words_there = memory->capacity_words};
    const std::uint32_t keeps = mapping.levels[at(level)].keeps;
    const std::uint64_t copies = memory->buffering == arch::Buffering::twofold ? 2 : 1;
    for (Role role : {Role::inputs, Role::weights, Role::outputs}) {
      if ((keeps & problem::bit(role)) == 0) continue;
      misfit.tiles[at(role)] = largest_tile(role, nest.above[at(level)]);
      misfit.words_needed += copies * misfit.tiles[at(role)];
    }
    if (misfit.words_needed > misfit.words_there) return misfit;
  }
  return std::nullopt;
}

void Counter::count(const mapping::Mapping& mapping, const mapping::Nest& nest, Counts& out) {
  adopt(mapping, nest);
  out = Counts{};
  out.macs = problem_.macs();
  out.steps = temporal_positions();
  out.active_macs = instances(static_cast<int>(nest.loops.size()));
  for (int level = 0; level < architecture_.size(); ++level) {
    out.instances[at(level)] = instances(nest.above[at(level)]);
    const std::uint32_t keeps =
        architecture_.memory(level) == nullptr ? 0 : mapping.levels[at(level)].keeps;
    for (Role role : {Role::inputs, Role::weights, Role::outputs}) {
      if ((keeps & problem::bit(role)) != 0) {
        out.memories[at(level)][at(role)].tile = largest_tile(role, nest.above[at(level)]);
      }
    }
  }
  count_operand(Role::inputs, mapping, out);
  count_operand(Role::weights, mapping, out);
  count_outputs(mapping, out);
}

}  // namespace dnnaccel::cost
