#include "sim/tile_wires.hpp"

#include <algorithm>
#include <numeric>

#include "base/math.hpp"

namespace dnnaccel::sim::tiles {

namespace {

constexpr std::size_t at(int i) { return static_cast<std::size_t>(i); }

bool shares(const problem::Problem& problem, const arch::Array& array, problem::Role role,
            int dim) {
  const arch::DimSet& dims = role == problem::Role::outputs ? array.reduce : array.multicast;
  return (dims.mask(problem) >> dim & 1U) != 0;
}

}  // namespace

Way find_way(const problem::Problem& problem, const arch::Architecture& architecture,
             const mapping::Nest& nest, problem::Role role, Keeper parent, Keeper child) {
  Way way;
  bool all_forward = true;
  for (int level = parent.level + 1; level < child.level; ++level) {
    const arch::Array* array = architecture.array(level);
    if (array == nullptr) continue;
    way.arrays.push_back(level);
    all_forward = all_forward && (array->forwards & problem::bit(role)) != 0;
  }
  // Compute holds no operand that it could hand on, and sums only go up.
  const bool holds = child.level < architecture.size() && role != problem::Role::outputs;
  way.forwards = holds && !way.arrays.empty() && all_forward;
  for (std::size_t l = 0; l < at(child.instances->above()); ++l) {
    const mapping::NestLoop& loop = nest.loops[l];
    if (!loop.spatial) continue;
    Split split{.trips = static_cast<std::size_t>(base::ceil_div(loop.extent, loop.tile)),
                .loop = l,
                .level = loop.level,
                .above = l < at(parent.instances->above())};
    if (!split.above) {
      way.fan *= split.trips;
      split.shares =
          way.forwards || shares(problem, *architecture.array(loop.level), role, loop.dim);
    }
    way.splits.push_back(split);
  }
  return way;
}

Wires::Wires(Way way, std::size_t instances, int parent_level, std::uint64_t parent_words)
    : way_(std::move(way)), links_(way_.arrays.size() + 1), order_(instances) {
  for (std::size_t l = 0; l < links_.size(); ++l) {
    Link& link = links_[l];
    find_wires(link, l == 0 ? parent_level : way_.arrays[l - 1]);
    if (!link.merges) continue;
    link.passed.resize(parent_words);
    if (way_.forwards) link.held.resize(parent_words);
    if (way_.forwards && l == 0) holders_.resize(parent_words);
  }
  sort_instances();
}

void Wires::find_wires(Link& link, int level) const {
  link.wire.resize(order_.size());
  for (const Split& split : way_.splits) {
    link.merges = link.merges || (split.merges(level) && split.trips > 1);
  }
  for (std::size_t instance = 0; instance < order_.size(); ++instance) {
    std::size_t rest = instance;
    std::size_t radix = 1;
    std::size_t wire = 0;
    for (std::size_t s = way_.splits.size(); s-- > 0;) {
      const Split& split = way_.splits[s];
      if (!split.merges(level)) {
        wire += rest % split.trips * radix;
        radix *= split.trips;
      }
      rest /= split.trips;
    }
    link.wire[instance] = static_cast<std::uint32_t>(wire);
  }
}

/// Deeper links merge less: sorting by their wires, the outermost link first, leaves the instances
/// of every wire of every link side by side.
void Wires::sort_instances() {
  std::iota(order_.begin(), order_.end(), 0U);
  std::stable_sort(order_.begin(), order_.end(), [&](std::uint32_t a, std::uint32_t b) {
    for (const Link& link : links_) {
      if (link.wire[a] != link.wire[b]) return link.wire[a] < link.wire[b];
    }
    return false;
  });
  turn_.resize(order_.size());
  for (std::size_t k = 0; k < order_.size(); ++k) turn_[order_[k]] = static_cast<std::uint32_t>(k);
}

void Wires::begin(std::span<const std::vector<Held>> held) {
  held_ = held;
  for (Link& link : links_) link.epoch = 0;
}

void Wires::enter_wire(std::size_t l, std::size_t instance) {
  Link& link = links_[l];
  if (link.epoch != 0 && link.current == link.wire[instance]) return;
  link.epoch = ++epoch_;
  link.current = link.wire[instance];
  if (!way_.forwards) return;
  // Siblings that lack nothing themselves have words to hand on, too.
  std::size_t k = turn_[instance];
  while (k > 0 && link.wire[order_[k - 1]] == link.current) --k;
  for (; k < order_.size() && link.wire[order_[k]] == link.current; ++k) {
    const std::uint32_t sibling = order_[k];
    for (const Held& word : held_[sibling]) {
      const auto place = static_cast<std::size_t>(word.parent);
      link.held[place] = link.epoch;
      if (l == 0) holders_[place] = {.instance = sibling, .own = word.own};
    }
  }
}

void Wires::pass(std::size_t instance, std::span<const Place> words) {
  pass(instance, words, [](std::size_t) {}, [](std::size_t) {});
}

const Wires::Holder* Wires::holder(Place word) const {
  const Link& link = links_.front();
  if (!way_.forwards || !link.merges) return nullptr;
  const auto place = static_cast<std::size_t>(word);
  return link.held[place] == link.epoch ? &holders_[place] : nullptr;
}

void Wires::enter(problem::Role role, std::uint64_t returned, cost::Counts& counts) const {
  for (std::size_t i = 0; i < way_.arrays.size(); ++i) {
    cost::NetworkCount& count = counts.networks[at(way_.arrays[i])][at(problem::index(role))];
    count.sent = links_[i].crossed;
    count.delivered = links_[i + 1].crossed;
    count.hops = count.delivered - count.sent;
    count.returned = returned;
  }
}

}  // namespace dnnaccel::sim::tiles
