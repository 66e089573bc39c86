#include "sim/tile_streams.hpp"

#include <algorithm>
#include <cmath>
#include <stdexcept>

#include "cost/axis_plan.hpp"

namespace dnnaccel::sim {

using problem::Role;

namespace {

constexpr std::size_t at(int i) { return static_cast<std::size_t>(i); }

Resource resource(int level, int port) { return level * kResourcesPerLevel + port; }
constexpr int kRead = 0;
constexpr int kWrite = 1;
constexpr int kShared = 2;
constexpr int kReturned = 3;  // outputs on their way back down a network

bool keeps(const arch::Architecture& architecture, const mapping::Mapping& mapping, int level,
           Role role) {
  return architecture.memory(level) != nullptr &&
         (mapping.levels[at(level)].keeps & problem::bit(role)) != 0;
}

int next_keeper(const arch::Architecture& architecture, const mapping::Mapping& mapping, int level,
                Role role) {
  ++level;
  while (level < architecture.size() && !keeps(architecture, mapping, level, role)) ++level;
  return level;
}

}  // namespace

cost::Port port_of(const arch::Architecture& architecture, Resource resource) {
  static constexpr std::array<cost::Port, 4> kMemory = {cost::Port::read, cost::Port::write,
                                                        cost::Port::shared, cost::Port::none};
  static constexpr std::array<cost::Port, 4> kNetwork = {cost::Port::inputs, cost::Port::weights,
                                                         cost::Port::outputs, cost::Port::outputs};
  const auto port = at(resource % kResourcesPerLevel);
  const bool memory = architecture.memory(resource / kResourcesPerLevel) != nullptr;
  return memory ? kMemory[port] : kNetwork[port];
}

int Servers::number(Resource resource) {
  const auto found = std::find(resources_.begin(), resources_.end(), resource);
  if (found != resources_.end()) return static_cast<int>(found - resources_.begin());
  resources_.push_back(resource);
  return static_cast<int>(resources_.size()) - 1;
}

Stream::Stream(const problem::Problem& problem, const arch::Architecture& architecture,
               const mapping::Mapping& mapping, const mapping::Nest& nest,
               const TileOptions& options, Servers& servers, Role role, int parent, int stepped) {
  keepers_.role = role;
  keepers_.parent = parent;
  keepers_.child = next_keeper(architecture, mapping, parent, role);
  keepers_.compute = keepers_.child == architecture.size();
  keepers_.forwards = cost::forwards(architecture, keepers_);
  for (int level = parent + 1; level < keepers_.child; ++level) {
    if (architecture.array(level) != nullptr) arrays_.push_back(level);
  }
  plan_links(problem, architecture, mapping, nest, stepped);
  plan_uses(problem, architecture, nest, options, servers);
}

void Stream::plan_links(const problem::Problem& problem, const arch::Architecture& architecture,
                        const mapping::Mapping& mapping, const mapping::Nest& nest, int stepped) {
  const Role role = keepers_.role;
  const auto shared = cost::shared_dims(problem, architecture);
  const auto unite = [&](int from_level, bool all) {
    Unite mask = 0;
    for (std::size_t l = 0; l < nest.above[at(keepers_.child)]; ++l) {
      const mapping::NestLoop& loop = nest.loops[l];
      if (!loop.spatial || loop.level < from_level) continue;
      const std::uint32_t shares = shared[at(loop.level)][at(problem::index(role))];
      if (all || keepers_.forwards || (shares >> loop.dim & 1U) != 0) mask |= Unite{1} << l;
    }
    return mask;
  };
  StepWords::Question question{.child_above = nest.above[at(keepers_.child)], .stepped = stepped};
  question.links.push_back(unite(keepers_.parent, false));
  for (int level : arrays_) question.links.push_back(unite(level + 1, false));
  child_link_ = question.links.size() - 1;
  once_link_ = child_link_;
  if (role != Role::outputs) {
    words_ = std::make_unique<StepWords>(problem, nest, keepers_, question);
    return;
  }
  once_link_ = question.links.size();
  question.links.push_back(unite(keepers_.parent, true));
  for (int level = next_keeper(architecture, mapping, 0, role);
       level <= keepers_.child && level < architecture.size();
       level = next_keeper(architecture, mapping, level, role)) {
    question.output_keepers.push_back(nest.above[at(level)]);
  }
  words_ = std::make_unique<StepWords>(problem, nest, keepers_, question);
  const int end = std::min<int>(stepped, nest.above[at(keepers_.child)]);
  for (int l = nest.above[at(keepers_.parent)]; l < end; ++l) {
    const mapping::NestLoop& loop = nest.loops[at(l)];
    if (!loop.spatial && (problem.tensor(role).dims() >> loop.dim & 1U) == 0) {
      reductions_.push_back(l);
    }
  }
  if (!keepers_.compute) return;
  question.links = {question.links.back()};
  question.first_only = true;
  first_ = std::make_unique<StepWords>(problem, nest, keepers_, question);
}

/// Bandwidths are of one instance, and those that work share a transfer evenly.
void Stream::plan_uses(const problem::Problem& problem, const arch::Architecture& architecture,
                       const mapping::Nest& nest, const TileOptions& options, Servers& servers) {
  const Role role = keepers_.role;
  const std::size_t r = at(problem::index(role));
  const cost::Sparsity& sparsity = options.sparsity;
  const bool compute = keepers_.compute;
  const auto use = [&](std::vector<Use>& uses, int level, int port, double bandwidth, Of of,
                       std::size_t link, double factor) {
    if (std::isinf(bandwidth) || factor == 0) return;
    const auto instances =
        static_cast<double>(working_instances(problem, nest, nest.above[at(level)]));
    uses.push_back({.server = servers.number(resource(level, port)),
                    .of = of,
                    .link = link,
                    .ticks_per_word = factor * kTicksPerCycle / bandwidth / instances});
  };
  const auto read = [&](std::vector<Use>& uses, int level, Of of, std::size_t link, double factor) {
    const arch::Memory& memory = *architecture.memory(level);
    use(uses, level, kRead, memory.read_bandwidth, of, link, factor);
    use(uses, level, kShared, memory.shared_bandwidth, of, link, factor);
  };
  const auto write = [&](std::vector<Use>& uses, int level, Of of, std::size_t link,
                         double factor) {
    const arch::Memory& memory = *architecture.memory(level);
    use(uses, level, kWrite, memory.write_bandwidth, of, link, factor);
    use(uses, level, kShared, memory.shared_bandwidth, of, link, factor);
  };
  const double there =
      compute ? sparsity.asked[at(keepers_.parent)][r] : sparsity.stored[at(keepers_.parent)][r];
  const double here = compute ? 1 : sparsity.stored[at(keepers_.child)][r];
  const double form = compute ? sparsity.crossing[r] : role == Role::outputs ? 1 : here;
  if (role != Role::outputs) {
    read(fill_, keepers_.parent, Of::link, 0, there);
    for (std::size_t f = 0; f < arrays_.size(); ++f) {
      use(fill_, arrays_[f], static_cast<int>(r), architecture.array(arrays_[f])->bandwidth[r],
          Of::link, f, form);
    }
    if (!compute) {
      write(fill_, keepers_.child, Of::link, child_link_, here);
      if (keepers_.forwards) read(fill_, keepers_.child, Of::hops, 0, here);
    }
    return;
  }
  // Formats and skips shrink outputs as they enter the outermost memory for good; where sums come
  // back, some of them enter more than once, and none is taken to be small.
  const bool once = reductions_.empty();
  const double finished = keepers_.parent == 0 && once ? sparsity.finished : 1;
  std::vector<Use>& up = compute ? fill_ : drain_;
  write(up, keepers_.parent, Of::link, 0, there * finished);
  read(up, keepers_.parent, Of::additions, 0, there);
  read(fill_, keepers_.parent, Of::begun, 0, there);
  for (std::size_t f = 0; f < arrays_.size(); ++f) {
    const double bandwidth = architecture.array(arrays_[f])->bandwidth[r];
    use(up, arrays_[f], static_cast<int>(r), bandwidth, Of::link, f, form);
    use(fill_, arrays_[f], kReturned, bandwidth, Of::begun, 0, form);
  }
  if (compute) return;
  read(drain_, keepers_.child, Of::link, child_link_, here);
  write(fill_, keepers_.child, Of::begun, 0, here);
}

const Amounts& Stream::step(const Digits& digits, int loop, std::uint64_t& fresh) {
  words_->words(digits, loop, now_.link.data());
  for (std::size_t link = 0; link <= once_link_; ++link) total_[link] += now_.link[link];
  if (keepers_.role == Role::outputs) {
    const std::uint64_t first = std::min(fresh, first_visits(digits));
    fresh -= first;
    now_.begun = now_.link[once_link_] - first;
    now_.additions = now_.link[0] - now_.link[once_link_];
    total_begun_ += now_.begun;
  } else {
    now_.hops = keepers_.forwards ? now_.link[child_link_] - now_.link[0] : 0;
  }
  if (loop < 0) {
    first_sent_ = now_.link[0];
    first_received_ = now_.link[child_link_];
  }
  return now_;
}

/// Visits that can find their sums not begun: those at the start of all reduction loops here. (The
/// parent may have stayed on its tile while others outside stepped; then it holds no fresh sums.)
std::uint64_t Stream::first_visits(const Digits& digits) const {
  for (int l : reductions_) {
    if (digits[at(l)] != 0) return 0;
  }
  if (!keepers_.compute) return now_.link[once_link_];
  std::uint64_t first = 0;
  first_->words(digits, -1, &first);
  return first;
}

void Stream::load_uses(const std::vector<Use>& uses, const Amounts& amounts, Load& load) {
  for (const Use& use : uses) {
    std::uint64_t words = 0;
    switch (use.of) {
      case Of::link:
        words = amounts.link[use.link];
        break;
      case Of::hops:
        words = amounts.hops;
        break;
      case Of::begun:
        words = amounts.begun;
        break;
      case Of::additions:
        words = amounts.additions;
        break;
    }
    if (words == 0) continue;
    const auto ticks =
        static_cast<Ticks>(std::ceil(static_cast<double>(words) * use.ticks_per_word));
    const auto same = std::find_if(load.begin(), load.end(),
                                   [&](const Busy& busy) { return busy.server == use.server; });
    if (same != load.end()) {
      same->ticks += ticks;
    } else {
      load.push_back({.server = use.server, .ticks = ticks});
    }
  }
}

void Stream::enter(cost::SumsAbove& sums, cost::Counts& counts) const {
  const cost::Flow flow{.sent = total_[0],
                        .received = total_[child_link_],
                        .once = total_[once_link_],
                        .ramp_sent = first_sent_,
                        .ramp_received = first_received_};
  const std::uint64_t first_visits = sums.drained - sums.seeds;
  if (keepers_.role == Role::outputs && total_begun_ != flow.once - first_visits) {
    throw std::logic_error("tile simulator: sums that came back do not add up");
  }
  cost::enter(keepers_, flow, sums, counts);
  for (std::size_t f = 0; f < arrays_.size(); ++f) {
    cost::enter_network(keepers_, arrays_[f], total_[f], total_[f + 1], counts);
  }
  if (!keepers_.compute) {
    counts.memories[at(keepers_.child)][at(problem::index(keepers_.role))].tile =
        words_->largest_tile();
  }
}

}  // namespace dnnaccel::sim
