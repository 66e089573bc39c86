#include "cost/walk_network.hpp"

#include <algorithm>
#include <numeric>

#include "base/math.hpp"

namespace dnnaccel::cost::walking {

namespace {

constexpr std::size_t at(int i) { return static_cast<std::size_t>(i); }

bool shares(const problem::Problem& problem, const arch::Array& array, problem::Role role,
            int dim) {
  const arch::DimSet& dims = role == problem::Role::outputs ? array.reduce : array.multicast;
  return (dims.mask(problem) >> dim & 1U) != 0;
}

}  // namespace

Network::Network(const problem::Problem& problem, const arch::Architecture& architecture,
                 const mapping::Nest& nest, problem::Role role, Keeper parent, Keeper child) {
  bool all_forward = true;
  for (int level = parent.level + 1; level < child.level; ++level) {
    const arch::Array* array = architecture.array(level);
    if (array == nullptr) continue;
    arrays_.push_back(level);
    all_forward = all_forward && (array->forwards & problem::bit(role)) != 0;
  }
  // Compute holds no operand that it could hand on, and sums go up.
  const bool compute = child.level == architecture.size();
  forwards_ = !arrays_.empty() && all_forward && !compute && role != problem::Role::outputs;

  std::vector<Split> splits;
  for (int l = 0; l < child.depth->above(); ++l) {
    const mapping::NestLoop& loop = nest.loops[at(l)];
    if (!loop.spatial) continue;
    Split split{.trips = static_cast<std::size_t>(base::ceil_div(loop.extent, loop.tile)),
                .level = loop.level,
                .above = l < parent.depth->above()};
    if (!split.above) {
      split.shares = forwards_ || shares(problem, *architecture.array(loop.level), role, loop.dim);
      fan_ *= split.trips;
    }
    splits.push_back(split);
  }
  links_.push_back(make_link(splits, child.depth->instances(), parent.level));
  for (int array : arrays_) {
    links_.push_back(make_link(splits, child.depth->instances(), array));
  }
  const std::size_t words = Words(problem, problem.tensor(role)).size();
  passed_.resize(words);
  if (forwards_) held_.resize(words);
}

Network::Link Network::make_link(const std::vector<Split>& splits, std::size_t instances,
                                 int below) {
  // Two instances stand on one wire if they differ only in splits that share and lie below the
  // link.
  std::vector<std::uint32_t> wires(instances);
  for (std::size_t instance = 0; instance < instances; ++instance) {
    std::size_t rest = instance;
    std::size_t radix = 1;
    for (std::size_t s = splits.size(); s-- > 0;) {
      const Split& split = splits[s];
      const bool merged = !split.above && split.shares && split.level > below;
      if (!merged) {
        wires[instance] += static_cast<std::uint32_t>(rest % split.trips * radix);
        radix *= split.trips;
      }
      rest /= split.trips;
    }
  }
  Link link;
  link.order.resize(instances);
  std::iota(link.order.begin(), link.order.end(), 0U);
  std::stable_sort(link.order.begin(), link.order.end(),
                   [&](std::uint32_t a, std::uint32_t b) { return wires[a] < wires[b]; });
  for (std::size_t i = 1; i < instances; ++i) {
    if (wires[link.order[i]] != wires[link.order[i - 1]]) link.ends.push_back(i);
  }
  link.ends.push_back(instances);
  return link;
}

std::uint64_t Network::cross(Link& link, std::span<const WordSpan> wanted,
                             std::span<const WordSpan> held) {
  std::uint64_t passing = 0;
  std::size_t begin = 0;
  for (const std::size_t end : link.ends) {
    ++wire_;
    if (forwards_) {
      for (std::size_t i = begin; i < end; ++i) {
        for (const Word word : held[link.order[i]]) held_[word] = wire_;
      }
    }
    for (std::size_t i = begin; i < end; ++i) {
      for (const Word word : wanted[link.order[i]]) {
        if (passed_[word] == wire_ || (forwards_ && held_[word] == wire_)) continue;
        passed_[word] = wire_;
        ++passing;
      }
    }
    begin = end;
  }
  link.crossed += passing;
  return passing;
}

std::uint64_t Network::pass(std::span<const WordSpan> wanted, std::span<const WordSpan> held) {
  const std::uint64_t sent = cross(links_.front(), wanted, held);
  for (std::size_t link = 1; link < links_.size(); ++link) cross(links_[link], wanted, held);
  return sent;
}

void Network::enter(problem::Role role, std::uint64_t returned, Counts& counts) const {
  for (std::size_t i = 0; i < arrays_.size(); ++i) {
    NetworkCount& count = counts.networks[at(arrays_[i])][at(problem::index(role))];
    count.sent = links_[i].crossed;
    count.delivered = links_[i + 1].crossed;
    count.hops = count.delivered - count.sent;
    count.returned = returned;
  }
}

}  // namespace dnnaccel::cost::walking
