#include "cost/counter.hpp"

#include <algorithm>

namespace dnnaccel::cost {

using problem::Role;

namespace {

constexpr std::size_t at(int i) { return static_cast<std::size_t>(i); }
constexpr std::size_t at(Role role) { return static_cast<std::size_t>(problem::index(role)); }

StepSpan span_of(const Steps& steps) { return {steps.data(), steps.size()}; }

}  // namespace

Counter::Counter(const problem::Problem& problem, const arch::Architecture& architecture,
                 const mapping::Mapping& mapping, const mapping::Nest& nest)
    : problem_(problem),
      architecture_(architecture),
      mapping_(mapping),
      nest_(nest),
      plans_(axis_plans(problem)),
      shared_dims_(shared_dims(problem, architecture)) {}

bool Counter::keeps(int level, Role role) const {
  return architecture_.memory(level) != nullptr &&
         (mapping_.levels[at(level)].keeps & problem::bit(role)) != 0;
}

bool Counter::unites(const Pair& pair, Unite unite, int loop) const {
  if (unite.all) return true;
  if (loop < unite.from) return false;
  const mapping::NestLoop& split = nest_.loops[at(loop)];
  return pair.forwards || (shared_dims_[at(split.level)][at(pair.role)] >> split.dim & 1U) != 0;
}

bool Counter::output_keeper_between(int loop, int next) const {
  for (int level = 1; level < architecture_.size(); ++level) {
    const int above = nest_.above[at(level)];
    if (above > loop && above <= next && keeps(level, Role::outputs)) return true;
  }
  return false;
}

Steps Counter::gather(const Pair& pair, Unite unite, Position position, int dim) const {
  Steps steps;
  int last = -1;
  const auto close = [&](int next) {
    if (pair.role != Role::outputs || steps.empty()) return;
    steps[steps.size() - 1].keeper_below = output_keeper_between(last, next);
  };
  for (int l = 0; l < pair.child_above; ++l) {
    const mapping::NestLoop& loop = nest_.loops[at(l)];
    if (loop.dim != dim) continue;
    close(l);
    Step step{.tile = loop.tile, .part = Part::outer, .keeper_below = false};
    if (loop.spatial) {
      const bool united = l >= pair.parent_above && unites(pair, unite, l);
      step.part = united ? Part::united : Part::summed;
    } else if (l == position.stepping) {
      step.part = Part::own;
    } else if (l >= position.cut) {
      step.part = Part::inner;
    }
    steps.push_back(step);
    last = l;
  }
  close(pair.child_above);
  return steps;
}

std::uint64_t Counter::window(const Pair& pair, Unite unite, Position position,
                              const WindowAxis& axis, WindowSum what) const {
  const Steps p = gather(pair, unite, position, axis.dim_p);
  const Steps r = axis.dim_r < 0 ? Steps{} : gather(pair, unite, position, axis.dim_r);
  const std::int64_t extent_r = axis.dim_r < 0 ? 1 : problem_.bounds[at(axis.dim_r)];
  return window_sum(axis.window, what, problem_.bounds[at(axis.dim_p)], span_of(p), extent_r,
                    span_of(r));
}

std::uint64_t Counter::product(const Pair& pair, Unite unite, Position position) const {
  const AxisPlan& plan = plans_[at(pair.role)];
  const bool kept = position.stepping >= 0;
  std::uint64_t value = 1;
  for (int dim : plan.plain) {
    const Steps steps = gather(pair, unite, position, dim);
    const std::int64_t bound = problem_.bounds[at(dim)];
    value *= kept ? plain_kept(bound, span_of(steps)) : plain_fetched(bound, span_of(steps));
    if (value == 0) return 0;
  }
  for (int dim : plan.absent) {
    value *= absent(problem_.bounds[at(dim)], span_of(gather(pair, unite, position, dim)));
    if (value == 0) return 0;
  }
  WindowSum what = WindowSum::fetched;
  if (kept) what = pair.forwards ? WindowSum::forwarded : WindowSum::kept;
  for (const WindowAxis& axis : plan.windows) {
    value *= window(pair, unite, position, axis, what);
    if (value == 0) return 0;
  }
  return value;
}

std::uint64_t Counter::words(const Pair& pair, Unite unite) const {
  if (pair.compute) return product(pair, unite, {.cut = pair.child_above});
  const AxisPlan& plan = plans_[at(pair.role)];
  int innermost = -1;
  for (int l = 0; l < pair.child_above; ++l) {
    const mapping::NestLoop& loop = nest_.loops[at(l)];
    if (!loop.spatial && (plan.dims >> loop.dim & 1U) != 0) innermost = l;
  }
  std::uint64_t total = product(pair, unite, {.cut = innermost + 1});
  for (int l = 0; l <= innermost; ++l) {
    const mapping::NestLoop& loop = nest_.loops[at(l)];
    // A step along a plain axis leaves nothing of the old tile.
    if (loop.spatial || (plan.moving >> loop.dim & 1U) != 0) continue;
    total -= product(pair, unite, {.cut = l, .stepping = l});
  }
  return total;
}

std::uint64_t Counter::largest_tile(Role role, int above) const {
  // Every position, every instance by itself.
  Pair pair;
  pair.role = role;
  pair.parent_above = pair.child_above = above;
  const AxisPlan& plan = plans_[at(role)];
  std::uint64_t tile = 1;
  for (int dim : plan.plain) {
    const Steps steps = gather(pair, {}, {.cut = above}, dim);
    tile *= static_cast<std::uint64_t>(steps.empty() ? problem_.bounds[at(dim)]
                                                     : steps[steps.size() - 1].tile);
  }
  for (const WindowAxis& axis : plan.windows) {
    tile *= window(pair, {}, {.cut = above}, axis, WindowSum::largest);
  }
  return tile;
}

std::uint64_t Counter::instances(int above) const {
  Pair pair;
  pair.parent_above = pair.child_above = above;
  std::uint64_t count = 1;
  for (int d = 0; d < problem_.dims(); ++d) {
    count *= absent(problem_.bounds[at(d)], span_of(gather(pair, {}, {.cut = 0}, d)));
  }
  return count;
}

std::uint64_t Counter::temporal_positions() const {
  const int all = static_cast<int>(nest_.loops.size());
  Pair pair;
  pair.child_above = all;
  std::uint64_t count = 1;
  for (int d = 0; d < problem_.dims(); ++d) {
    const Steps steps = gather(pair, {.all = true}, {.cut = all}, d);
    count *= absent(problem_.bounds[at(d)], span_of(steps));
  }
  return count;
}

std::uint64_t Counter::last_outputs(const Pair& pair, Unite unite) const {
  const AxisPlan& plan = plans_[at(Role::outputs)];
  std::uint64_t words = 1;
  for (int dim : plan.plain) {
    words *= plain_last(problem_.bounds[at(dim)], span_of(gather(pair, unite, {.cut = 0}, dim)));
  }
  for (int dim : plan.absent) {
    words *= absent(problem_.bounds[at(dim)], span_of(gather(pair, unite, {.cut = 0}, dim)));
  }
  return words;
}

Counter::Pair Counter::make_pair(Role role, int parent) const {
  Pair pair;
  pair.role = role;
  pair.parent = parent;
  pair.child = parent + 1;
  while (pair.child < architecture_.size() && !keeps(pair.child, role)) ++pair.child;
  pair.compute = pair.child == architecture_.size();
  pair.forwards = forwards(architecture_, pair);
  pair.parent_above = nest_.above[at(parent)];
  pair.child_above = nest_.above[at(pair.child)];
  return pair;
}

void Counter::count_pair(const Pair& pair, SumsAbove& sums, Counts& out) const {
  const Unite at_parent{.from = pair.parent_above};
  const Unite at_child{.from = pair.child_above};
  Flow flow;
  flow.received = words(pair, at_child);
  flow.sent = words(pair, at_parent);
  if (pair.role == Role::outputs) {
    flow.once = words(pair, {.from = pair.parent_above, .all = true});
    flow.ramp_sent = last_outputs(pair, at_parent);
    flow.ramp_received = last_outputs(pair, at_child);
  } else {
    flow.ramp_sent = product(pair, at_parent, {.cut = 0});
    flow.ramp_received = product(pair, at_child, {.cut = 0});
  }
  enter(pair, flow, sums, out);
  std::uint64_t entering = flow.sent;
  for (int level = pair.parent + 1; level < pair.child; ++level) {
    if (architecture_.array(level) == nullptr) continue;
    const std::uint64_t leaving = words(pair, {.from = nest_.above[at(level + 1)]});
    enter_network(pair, level, entering, leaving, out);
    entering = leaving;
  }
}

std::optional<Misfit> Counter::misfit(const Sparsity& sparsity) const {
  for (int level = 0; level < architecture_.size(); ++level) {
    const arch::Memory* memory = architecture_.memory(level);
    if (memory == nullptr || memory->capacity_words == arch::kUnlimitedWords) continue;
    Misfit misfit{.level = level, .words_there = memory->capacity_words};
    const std::uint64_t copies = memory->buffering == arch::Buffering::twofold ? 2 : 1;
    for (Role role : problem::kEveryRole) {
      if (!keeps(level, role)) continue;
      misfit.tiles[at(role)] = sparsity.stored_words(level, problem::index(role),
                                                     largest_tile(role, nest_.above[at(level)]));
      misfit.words_needed += copies * misfit.tiles[at(role)];
    }
    if (misfit.words_needed > misfit.words_there) return misfit;
  }
  return std::nullopt;
}

Counts Counter::count() const {
  Counts out;
  out.macs = problem_.macs();
  out.steps = temporal_positions();
  out.active_macs = instances(static_cast<int>(nest_.loops.size()));
  for (int level = 0; level < architecture_.size(); ++level) {
    out.instances[at(level)] = instances(nest_.above[at(level)]);
    for (Role role : problem::kEveryRole) {
      if (keeps(level, role)) {
        out.memories[at(level)][at(role)].tile = largest_tile(role, nest_.above[at(level)]);
      }
    }
  }
  for (Role role : problem::kEveryRole) {
    SumsAbove sums{.drained = problem_.tensor(Role::outputs).words()};
    for (int parent = 0; parent < architecture_.size();) {
      const Pair pair = make_pair(role, parent);
      count_pair(pair, sums, out);
      parent = pair.child;
    }
  }
  return out;
}

}  // namespace dnnaccel::cost
