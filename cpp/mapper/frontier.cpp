#include "mapper/frontier.hpp"

#include <algorithm>
#include <limits>
#include <map>
#include <set>

namespace dnnaccel::mapper {

namespace {

constexpr std::size_t at(int i) { return static_cast<std::size_t>(i); }
// More combinations of tiles than this are not tabulated.
constexpr std::uint64_t kMostCombinations = 1U << 20;
// Nor are more nests than this kept at one level, or on the way through one: some 100 bytes each.
constexpr std::size_t kMostNests = 1U << 20;
constexpr double kInfinite = std::numeric_limits<double>::infinity();
constexpr int kInputs = problem::index(problem::Role::inputs);
constexpr int kOutputs = problem::index(problem::Role::outputs);

void scale(double& part, double by) {
  // What is gained by having more instances begin anew is not lost again.
  if (part > 0) part *= by;
}

}  // namespace

double Frontier::Outside::of(const Pending& nest) const {
  double sum = constant + nest.settled + begun * nest.begun;
  for (int i = 0; i < Pending::kParts; ++i) {
    const double part = nest.parts[at(i)];
    sum += part > 0 ? part * weights[at(i)] : part;
  }
  return sum;
}

Frontier::Frontier(const problem::Problem& problem, const arch::Architecture& architecture,
                   const std::vector<DimGraph>& graphs, const Relaxation& relaxation,
                   std::int64_t& work, const std::atomic<bool>& stop)
    : problem_(problem),
      architecture_(architecture),
      graphs_(graphs),
      relaxation_(relaxation),
      work_(work),
      stop_(stop) {
  const int levels = architecture.size();
  for (int d = 0; d < problem.dims(); ++d) {
    std::uint64_t most = 1;
    for (const auto& nodes : graphs[at(d)].nodes)
      most = std::max<std::uint64_t>(most, nodes.size());
    radix_[at(d)] = most;
  }
  layers_.resize(at(levels) + 1);
  arrays_.resize(at(levels));
  reversed_.resize(at(levels));
  for (int level = 0; level < levels; ++level) {
    if (architecture.array(level) != nullptr) plan_array(level);
    reversed_[at(level)].resize(at(problem.dims()));
    for (int d = 0; d < problem.dims(); ++d) {
      auto& back = reversed_[at(level)][at(d)];
      back.resize(graphs[at(d)].nodes[at(level)].size());
      const auto& edges = graphs[at(d)].edges[at(level)];
      for (std::size_t n = 0; n < edges.size(); ++n) {
        for (std::size_t e = 0; e < edges[n].size(); ++e) {
          back[at(edges[n][e].to)].emplace_back(static_cast<std::uint16_t>(n),
                                                static_cast<std::uint16_t>(e));
        }
      }
    }
  }
}

std::uint64_t Frontier::key(const Tiles& nodes) const {
  std::uint64_t key = 0;
  for (int d = problem_.dims() - 1; d >= 0; --d) key = key * radix_[at(d)] + nodes[at(d)];
  return key;
}

Tiles Frontier::values(int level, const Tiles& nodes) const {
  Tiles out{};
  for (int d = 0; d < problem_.dims(); ++d) {
    out[at(d)] = static_cast<std::uint16_t>(graphs_[at(d)].nodes[at(level)][nodes[at(d)]].value);
  }
  return out;
}

/// All ways to spread the dims over an array that fit its axes; those that differ only in what runs
/// along which axis are one.
void Frontier::plan_array(int level) {
  ArrayPlan& plan = arrays_[at(level)];
  const arch::Array& array = *architecture_.array(level);
  const int dims = problem_.dims();
  // What may follow outside can depend on which axis was used here.
  for (const DimGraph& graph : graphs_) {
    for (const auto& from : graph.edges[at(level)]) {
      for (const ChainEdge& a : from) {
        plan.by_axis =
            plan.by_axis || std::any_of(from.begin(), from.end(), [&](const ChainEdge& b) {
              return a.factor == b.factor && a.to != b.to;
            });
      }
    }
  }
  plan.factors.resize(at(dims));
  std::vector<std::set<std::array<std::int64_t, 3>>> splits(at(dims));  // factor, rows, columns
  for (int d = 0; d < dims; ++d) {
    for (const auto& from : graphs_[at(d)].edges[at(level)]) {
      for (const ChainEdge& edge : from) {
        splits[at(d)].insert({edge.factor, edge.rows, edge.columns});
      }
    }
    for (const auto& [factor, rows, columns] : splits[at(d)]) {
      const auto split = plan.split(factor, rows, columns);
      if (plan.factors[at(d)].empty() || plan.factors[at(d)].back() != split) {
        plan.factors[at(d)].push_back(split);
      }
    }
  }
  std::map<std::array<std::uint16_t, problem::kMaxDims>, std::size_t> seen;
  struct Partial {
    Spread spread;
    Spread::Axes axes{};
  };
  Partial partial;
  const auto choose = [&](auto& self, int d, std::int64_t rows, std::int64_t columns) -> void {
    if (d == dims) {
      const auto [there, added] = seen.insert({partial.spread.factor, plan.spreads.size()});
      if (added) plan.spreads.push_back(partial.spread);
      plan.spreads[there->second].axes.push_back(partial.axes);
      return;
    }
    for (const auto& [factor, down, across] : splits[at(d)]) {
      if (rows * down > array.rows || columns * across > array.columns) continue;
      partial.spread.factor[at(d)] = plan.number(d, plan.split(factor, down, across));
      partial.axes[at(d)] = {down, across};
      self(self, d + 1, rows * down, columns * across);
    }
  };
  choose(choose, 0, 1, 1);
}

/// Set the edges with which the dims spread along axes from the nodes of `through`. Returns whether
/// all nodes have one.
bool Frontier::edges_of(int level, const Spread::Axes& axes, Path::Level& through) const {
  for (int d = 0; d < problem_.dims(); ++d) {
    const auto& edges = graphs_[at(d)].edges[at(level)][through.nodes[at(d)]];
    const auto edge = std::find_if(edges.begin(), edges.end(), [&](const ChainEdge& each) {
      return each.rows == axes[at(d)][0] && each.columns == axes[at(d)][1];
    });
    if (edge == edges.end()) return false;
    through.edges[at(d)] = static_cast<std::uint16_t>(edge - edges.begin());
  }
  return true;
}

/// For every combination of tiles at a level, a bound of what the memories outside it cost.
void Frontier::plan_outside() {
  const int levels = architecture_.size();
  const int dims = problem_.dims();
  for (int level = 0; level <= levels; ++level) {
    Layer& layer = layers_[at(level)];
    std::uint64_t size = 1;
    for (int d = 0; d < dims; ++d) {
      layer.strides[at(d)] = size;
      size *= graphs_[at(d)].nodes[at(level)].size();
      if (size > kMostCombinations) return;
    }
    if (level == 0) {
      layer.outside.assign(size, 0);
      continue;
    }
    // What the level outside adds for each of its states, then the least along each dim.
    Layer& above = layers_[at(level) - 1];
    std::vector<double> costs = above.outside;
    Tiles nodes{};
    std::vector<std::uint64_t> sizes(at(dims));
    for (int d = 0; d < dims; ++d) sizes[at(d)] = graphs_[at(d)].nodes[at(level) - 1].size();
    for (std::size_t i = 0; i < costs.size(); ++i) {
      const Tiles tiles = values(level - 1, nodes);
      if (costs[i] < kInfinite) {
        if (!relaxation_.fits(level - 1, tiles)) {
          costs[i] = kInfinite;
        } else {
          Pending entering;
          relaxation_.enter_outside(level - 1, tiles, entering);
          costs[i] += std::max(0.0, relaxation_.left(tiles, entering));
        }
      }
      for (int d = 0; d < dims; ++d) {
        if (++nodes[at(d)] < sizes[at(d)]) break;
        nodes[at(d)] = 0;
      }
    }
    above.entered = costs;
    std::uint64_t inner = 1;
    for (int d = 0; d < dims; ++d) {
      const auto& edges = graphs_[at(d)].edges[at(level) - 1];
      const std::uint64_t from_size = sizes[at(d)];
      const std::uint64_t to_size = edges.size();
      const std::uint64_t outer = costs.size() / (inner * from_size);
      bool same = from_size == to_size;
      for (std::size_t n = 0; same && n < edges.size(); ++n) {
        same = edges[n].size() == 1 && edges[n].front().to == static_cast<int>(n);
      }
      if (!same) {
        std::vector<double> least(inner * to_size * outer, kInfinite);
        for (std::uint64_t o = 0; o < outer; ++o) {
          for (std::uint64_t n = 0; n < to_size; ++n) {
            double* into = &least[(o * to_size + n) * inner];
            for (const ChainEdge& edge : edges[n]) {
              const double* costs_there = &costs[(o * from_size + at(edge.to)) * inner];
              for (std::uint64_t i = 0; i < inner; ++i) into[i] = std::min(into[i], costs_there[i]);
            }
          }
        }
        costs = std::move(least);
      }
      inner *= to_size;
    }
    layer.outside = std::move(costs);
  }
}

double Frontier::outside(int level, const Tiles& nodes) const {
  const Layer& layer = layers_[at(level)];
  if (layer.outside.empty()) return 0;
  std::uint64_t place = 0;
  for (int d = 0; d < problem_.dims(); ++d) place += layer.strides[at(d)] * nodes[at(d)];
  return layer.outside[place];
}

std::uint32_t Frontier::state_of(Layer& layer, std::uint64_t key, const Tiles& nodes) {
  std::uint32_t number = layer.numbers.find(key);
  if (number == base::NumberMap::kNone) {
    number = static_cast<std::uint32_t>(layer.states.size());
    layer.numbers.insert(key, number);
    layer.states.push_back({.nodes = nodes});
  }
  return number;
}

/// Whether a nest costs no more than another in the same state, whatever stands outside.
bool Frontier::beats(const Pending& nest, const Pending& other, bool array_outside) {
  // What an array outside adds may be spared by the loops outside it only if the role is open.
  if ((nest.fixed & ~other.fixed) != 0 || nest.begun < other.begun) return false;
  if (array_outside && nest.open != other.open) return false;
  double worse = nest.settled - other.settled;
  for (int i = 0; i < Pending::kParts; ++i) {
    worse += std::max(0.0, nest.parts[at(i)] - other.parts[at(i)]);
  }
  return worse <= 0;
}

void Frontier::insert(std::vector<Pending>& nests, const Pending& nest, bool array_outside) {
  for (const Pending& there : nests) {
    if (beats(there, nest, array_outside)) return;
  }
  std::erase_if(nests, [&](const Pending& there) { return beats(nest, there, array_outside); });
  nests.push_back(nest);
}

std::vector<int> Frontier::dims_at(int level, int first) const {
  std::vector<int> dims;
  for (int d = 0; d < problem_.dims(); ++d) {
    const auto& edges = graphs_[at(d)].edges[at(level)];
    const bool loops = std::any_of(edges.begin(), edges.end(), [](const auto& from) {
      return from.size() > 1 || from.front().factor > 1;
    });
    if (loops || graphs_[at(d)].nodes[at(level)].size() != edges.size()) dims.push_back(d);
  }
  const auto slide = std::find(dims.begin(), dims.end(), first);
  if (slide != dims.end()) std::rotate(dims.begin(), slide, slide + 1);
  return dims;
}

/// Take a loop into a level's nest; loops of one trip change nothing.
void Frontier::take_loop(const OrderClass& order, int dim, std::int64_t trips, const Tiles& tiles,
                         std::uint16_t to, Passing& passing) const {
  const bool plain = (relaxation_.plain_inputs() >> dim & 1U) != 0;
  const bool innermost =
      (relaxation_.absent(order.role) >> dim & 1U) != 0 && !(order.windows_only && plain);
  const double spared = relaxation_.spared(dim, tiles[at(dim)], to);
  Pending& nest = passing.nest;
  // What idles in the second of two passes still holds its tile of the first when that comes again.
  const double idle = trips == 2 ? relaxation_.idling(dim, tiles[at(dim)]) : 0;
  if (idle > 0) {
    for (int role = 0; role < problem::kRoles; ++role) {
      if ((relaxation_.absent(role) >> dim & 1U) != 0) continue;
      scale(nest.parts[at(role)], std::max(0.0, 1 - idle));
      if (role == kInputs) scale(nest.parts[Pending::kDelivered], std::max(0.0, 1 - idle));
    }
  }
  const auto outside = [&](int role) {
    passing.outside = static_cast<std::uint8_t>(passing.outside | 1U << role);
  };
  for (int role = 0; role < problem::kRoles; ++role) {
    if (role == kInputs && order.slide.dim == dim) {
      const TileWords::Slid& slid = relaxation_.words().slid(order.slide, tiles, to);
      double& sent = nest.parts[Pending::kInputs];
      double& delivered = nest.parts[Pending::kDelivered];
      double sliding = sent;
      sent *= slid.open;
      if ((nest.fixed >> dim & 1U) == 0) {
        sliding += delivered;
        delivered *= slid.open;
      }
      passing.slides = slid.open < 1;
      passing.anew = sliding * (slid.closed - slid.open);
      passing.apart = sliding * (slid.apart - slid.closed);
      outside(role);
      continue;
    }
    if (!innermost || (relaxation_.absent(role) >> dim & 1U) == 0) {
      outside(role);
      continue;
    }
    scale(nest.parts[at(role)], spared);
    if (role == kInputs) {
      scale(nest.parts[Pending::kDelivered], spared);
      passing.anew *= spared;
      passing.apart *= spared;
    }
    if (role == kOutputs && (nest.open >> role & 1U) != 0) nest.begun *= spared;
  }
  passing.plain = passing.plain || plain;
  passing.plain_inside = passing.plain_inside || (plain && innermost);
  if (dim == order.slide.dim || (order.role == kInputs && innermost)) return;
  passing.starts *= static_cast<double>(trips);
  if (plain) return;
  // It may stand between the run and what moves the inputs along another axis.
  if (order.role == kInputs || order.windows_only || innermost) {
    passing.apart *=
        relaxation_.words().passes(dim, to) / relaxation_.words().passes(dim, tiles[at(dim)]);
  }
}

/// Whether the loops taken in are as the class wants them.
bool Frontier::possible(const OrderClass& order, const Passing& passing) {
  // A slide that spares nothing is no better than the class without it.
  if (!passing.slides) return false;
  return order.slide.dim < 0 || order.role == kInputs || order.windows_only || passing.plain_inside;
}

/// Settle what loops further out than the innermost ones move.
Pending Frontier::arrive(int level, const Passing& passing) {
  Pending nest = passing.nest;
  for (int role = 0; role < problem::kRoles; ++role) {
    if ((passing.outside >> role & 1U) == 0) continue;
    nest.settled += nest.parts[at(role)];
    nest.parts[at(role)] = 0;
    if (role == kInputs) {
      nest.settled += nest.parts[Pending::kDelivered];
      nest.parts[Pending::kDelivered] = 0;
      if (passing.plain) {
        nest.settled += passing.anew + passing.apart;
      } else if (level == 0) {
        // Nothing stands outside: the starts of runs are known, and the first finds nothing.
        nest.settled += (passing.anew + passing.apart) / passing.starts;
      }
    }
    nest.open = static_cast<std::uint8_t>(nest.open & ~(1U << role));
  }
  return nest;
}

/// Take all loops of a memory into all nests inside it, dim after dim, the innermost being of one
/// class.
bool Frontier::pass_class(int level, const OrderClass& order, Layer& out) const {
  const std::vector<int> dims = dims_at(level, order.slide.dim);
  if (order.slide.dim >= 0 && (dims.empty() || dims.front() != order.slide.dim)) return true;
  struct Stage {
    base::NumberMap numbers;
    std::vector<PassingState> states;
  };
  Stage stage;
  for (const State& state : layers_[at(level) + 1].states) {
    if (state.nests.empty()) continue;
    PassingState start{.nodes = state.nodes, .tiles = state.values};
    for (const Pending& nest : state.nests) start.nests.push_back({.nest = nest});
    stage.states.push_back(std::move(start));
  }
  for (std::size_t i = 0; i < dims.size(); ++i) {
    const int d = dims[i];
    const DimGraph& graph = graphs_[at(d)];
    Stage next;
    std::size_t taken = 0;
    for (const PassingState& state : stage.states) {
      if (over()) return false;
      for (const ChainEdge& edge : graph.edges[at(level)][state.nodes[at(d)]]) {
        if (order.slide.dim == d && edge.factor == 1) continue;
        const auto to = static_cast<std::uint16_t>(graph.nodes[at(level)][at(edge.to)].value);
        Tiles nodes = state.nodes;
        nodes[at(d)] = static_cast<std::uint16_t>(edge.to);
        const std::uint64_t where = key(nodes);
        std::uint32_t number = next.numbers.find(where);
        if (number == base::NumberMap::kNone) {
          Tiles tiles = state.tiles;
          tiles[at(d)] = to;
          // Tiles only grow from here on.
          if (!relaxation_.fits(level, tiles)) continue;
          number = static_cast<std::uint32_t>(next.states.size());
          next.numbers.insert(where, number);
          PassingState added{.nodes = nodes, .tiles = state.tiles};
          added.tiles[at(d)] = to;
          next.states.push_back(std::move(added));
        }
        std::vector<Passing>& nests = next.states[number].nests;
        work_ -= static_cast<std::int64_t>(state.nests.size() * (4 + nests.size()));
        for (const Passing& passing : state.nests) {
          Passing longer = passing;
          if (edge.factor > 1) take_loop(order, d, edge.factor, state.tiles, to, longer);
          const auto better = [&](const Passing& a, const Passing& b) {
            return a.outside == b.outside && a.plain == b.plain &&
                   a.plain_inside == b.plain_inside && (level > 0 || a.starts >= b.starts) &&
                   a.anew <= b.anew && a.apart <= b.apart &&
                   beats(a.nest, b.nest, relaxation_.array_outside(level));
          };
          if (std::any_of(nests.begin(), nests.end(),
                          [&](const Passing& there) { return better(there, longer); })) {
            continue;
          }
          std::erase_if(nests, [&](const Passing& there) { return better(longer, there); });
          nests.push_back(longer);
          if (++taken > kMostNests) return false;
        }
      }
    }
    stage = std::move(next);
  }
  for (const PassingState& state : stage.states) {
    std::vector<Pending>& nests = out.states[state_of(out, key(state.nodes), state.nodes)].nests;
    for (const Passing& passing : state.nests) {
      if (!possible(order, passing)) continue;
      insert(nests, arrive(level, passing), relaxation_.array_outside(level));
    }
  }
  return true;
}

bool Frontier::pass_memory(int level, double limit) {
  Layer& layer = layers_[at(level)];
  const Layer& inside = layers_[at(level) + 1];
  // Inside all keepers the order of loops changes nothing.
  const bool nothing_pends = level + 1 == architecture_.size();
  if (dims_at(level, -1).empty()) {
    for (const State& state : inside.states) {
      layer.states[state_of(layer, key(state.nodes), state.nodes)].nests = state.nests;
    }
  } else {
    for (const OrderClass& order : relaxation_.classes()) {
      if (nothing_pends && &order != &relaxation_.classes().front()) break;
      if (!pass_class(level, order, layer)) return false;
    }
  }
  for (State& state : layer.states) {
    state.values = values(level, state.nodes);
    std::vector<Pending> nests;
    nests.swap(state.nests);
    if (!relaxation_.fits(level, state.values)) continue;
    const double above = outside(level, state.nodes) + relaxation_.constant();
    for (Pending& nest : nests) {
      relaxation_.enter_memory(level, state.values, nest);
      if (relaxation_.left(state.values, nest) + above <= limit)
        insert(state.nests, nest, relaxation_.array_outside(level));
    }
  }
  return true;
}

bool Frontier::pass_array(int level, double limit) {
  Layer& layer = layers_[at(level)];
  const Layer& inside = layers_[at(level) + 1];
  const ArrayPlan& plan = arrays_[at(level)];
  std::vector<int> spreading;
  for (int d = 0; d < problem_.dims(); ++d) {
    if (plan.factors[at(d)].size() > 1) spreading.push_back(d);
  }
  // By spreading dim and factor: the node outside, and its part of the place in a layer's tables.
  struct Target {
    std::int64_t place = -1;
    std::uint16_t node = 0;
  };
  std::vector<std::vector<Target>> targets(spreading.size());
  std::size_t taken = 0;
  double least_outside = layer.outside.empty() ? 0 : kInfinite;
  for (double cost : layer.outside) least_outside = std::min(least_outside, cost);
  for (std::uint32_t from = 0; from < inside.states.size(); ++from) {
    const State& state = inside.states[from];
    if (state.nests.empty()) continue;
    if (over()) return false;
    double least = kInfinite;
    double beyond = kInfinite;
    for (const Pending& nest : state.nests) {
      least = std::min(least, relaxation_.left(state.values, nest));
      beyond = std::min(beyond, relaxation_.left_outside(level, state.values, nest));
    }
    const double room = limit - relaxation_.constant() - least;
    if (outside(level + 1, state.nodes) > room) continue;
    if (least_outside > limit - relaxation_.constant() - beyond) continue;
    // Dims that are not spread have one edge.
    Tiles nodes{};
    std::uint64_t origin = 0;
    for (int d = 0; d < problem_.dims(); ++d) {
      const auto& edges = graphs_[at(d)].edges[at(level)][state.nodes[at(d)]];
      const auto moving = std::find(spreading.begin(), spreading.end(), d);
      if (moving == spreading.end()) {
        nodes[at(d)] = static_cast<std::uint16_t>(edges.front().to);
        origin += layer.strides[at(d)] * nodes[at(d)];
        continue;
      }
      auto& to = targets[static_cast<std::size_t>(moving - spreading.begin())];
      to.assign(plan.factors[at(d)].size(), {});
      for (const ChainEdge& edge : edges) {
        to[plan.number(d, plan.split(edge.factor, edge.rows, edge.columns))] = {
            .place = static_cast<std::int64_t>(layer.strides[at(d)]) * edge.to,
            .node = static_cast<std::uint16_t>(edge.to)};
      }
    }
    work_ -= static_cast<std::int64_t>(plan.spreads.size() / 4);
    for (std::uint32_t s = 0; s < plan.spreads.size(); ++s) {
      const Spread& spread = plan.spreads[s];
      std::uint64_t place = origin;
      bool possible = true;
      for (std::size_t i = 0; i < spreading.size() && possible; ++i) {
        const Target& target = targets[i][spread.factor[at(spreading[i])]];
        possible = target.place >= 0;
        place += static_cast<std::uint64_t>(target.place);
      }
      if (!possible || (!layer.entered.empty() && layer.entered[place] > room)) continue;
      for (std::size_t i = 0; i < spreading.size(); ++i) {
        nodes[at(spreading[i])] = targets[i][spread.factor[at(spreading[i])]].node;
      }
      const double above = outside(level, nodes) + relaxation_.constant();
      const Tiles tiles = values(level, nodes);
      std::uint32_t to = base::NumberMap::kNone;
      work_ -= static_cast<std::int64_t>(8 * state.nests.size());
      for (const Pending& nest : state.nests) {
        Pending crossed = nest;
        relaxation_.cross_array(level, state.values, tiles, crossed);
        if (relaxation_.left(tiles, crossed) + above > limit) continue;
        if (to == base::NumberMap::kNone) {
          to = state_of(layer, key(nodes), nodes);
          layer.states[to].values = tiles;
          layer.links.push_back({to, from, s});
        }
        insert(layer.states[to].nests, crossed, relaxation_.array_outside(level));
        if (++taken > kMostNests) return false;
      }
    }
  }
  std::stable_sort(layer.links.begin(), layer.links.end(),
                   [](const Link& a, const Link& b) { return a.to < b.to; });
  return work_ >= 0;
}

bool Frontier::build(double limit) {
  const int levels = architecture_.size();
  plan_outside();
  least_ = relaxation_.constant() +
           std::max(0.0, layers_.back().outside.empty() ? 0.0 : layers_.back().outside.front());
  Layer& innermost = layers_.back();
  Tiles start{};
  innermost.states.push_back(
      {.nodes = start, .values = values(levels, start), .nests = {Pending{}}});
  innermost.numbers.insert(key(start), 0);
  for (int level = levels - 1; level >= 0; --level) {
    const bool whole = architecture_.array(level) != nullptr ? pass_array(level, limit)
                                                             : pass_memory(level, limit);
    if (!whole) return false;
  }
  least_ = kInfinite;
  for (const State& state : layers_.front().states) {
    for (const Pending& nest : state.nests) {
      least_ = std::min(least_, nest.total() + relaxation_.constant());
    }
  }
  return true;
}

bool Frontier::visit(const std::function<double()>& limit, const Visitor& visitor) const {
  Walk walk{.limit = limit, .visitor = visitor, .path = {}};
  walk.path.levels.resize(at(architecture_.size()));
  for (std::uint32_t s = 0; s < layers_.front().states.size(); ++s) {
    Outside all{.constant = relaxation_.constant()};
    if (!this->walk(0, s, all, walk)) return false;
  }
  return true;
}

/// Go through a level, from the state at it to all states inside that may belong to a mapping
/// within the limit.
bool Frontier::walk(int level, std::uint32_t state, const Outside& outside, Walk& walk) const {
  if (level == architecture_.size()) {
    walk.path.bound = outside.of(Pending{});
    return walk.path.bound > walk.limit() || walk.visitor(walk.path);
  }
  if (over()) return false;
  std::vector<Way> ways;
  if (architecture_.array(level) != nullptr) {
    ways_through_array(level, state, outside, walk.limit(), ways);
  } else {
    ways_through_memory(level, state, outside, walk.limit(), ways);
  }
  std::stable_sort(ways.begin(), ways.end(),
                   [](const Way& a, const Way& b) { return a.least < b.least; });
  for (const Way& way : ways) {
    if (way.least > walk.limit()) break;
    walk.path.levels[at(level)] = way.level;
    if (!this->walk(level + 1, way.from, way.outside, walk)) return false;
  }
  return true;
}

void Frontier::ways_through_array(int level, std::uint32_t state, const Outside& outside,
                                  double limit, std::vector<Way>& ways) const {
  const Layer& layer = layers_[at(level)];
  const Layer& inside = layers_[at(level) + 1];
  const State& here = layer.states[state];
  auto link = std::lower_bound(layer.links.begin(), layer.links.end(), state,
                               [](const Link& l, std::uint32_t to) { return l.to < to; });
  for (; link != layer.links.end() && link->to == state; ++link) {
    const State& from = inside.states[link->from];
    std::uint32_t seen = 0;  // sets of open roles
    for (const Pending& nest : from.nests) {
      if ((seen >> nest.open & 1U) != 0) continue;
      seen |= 1U << nest.open;
      // The crossing is linear in what is pending: its weights are read off one part at a time.
      Way way{.from = link->from};
      const auto crossed = [&](int part) {
        Pending probe{.open = nest.open};
        if (part >= 0 && part < Pending::kParts) probe.parts[at(part)] = 1;
        if (part == Pending::kParts) probe.begun = 1;
        relaxation_.cross_array(level, from.values, here.values, probe);
        double sum = probe.settled + outside.begun * probe.begun;
        for (int i = 0; i < Pending::kParts; ++i)
          sum += outside.weights[at(i)] * probe.parts[at(i)];
        return sum;
      };
      const double nothing = crossed(-1);
      way.outside.constant = outside.constant + nothing;
      for (int i = 0; i < Pending::kParts; ++i) way.outside.weights[at(i)] = crossed(i) - nothing;
      way.outside.begun = crossed(Pending::kParts) - nothing;
      way.least = kInfinite;
      for (const Pending& other : from.nests) {
        if (other.open == nest.open) way.least = std::min(way.least, way.outside.of(other));
      }
      if (way.least > limit) continue;
      way.level.nodes = from.nodes;
      // They may differ in hops, and in how many instances work.
      for (const Spread::Axes& axes : arrays_[at(level)].spreads[link->spread].axes) {
        if (edges_of(level, axes, way.level)) ways.push_back(way);
      }
    }
  }
}

void Frontier::ways_through_memory(int level, std::uint32_t state, const Outside& outside,
                                   double limit, std::vector<Way>& ways) const {
  const State& here = layers_[at(level)].states[state];
  const Layer& inside = layers_[at(level) + 1];
  Pending entering;
  relaxation_.enter_memory(level, here.values, entering);
  Outside stored = outside;
  for (int i = 0; i < Pending::kParts; ++i) {
    stored.constant += outside.weights[at(i)] * entering.parts[at(i)];
  }
  if ((relaxation_.keeps(level) >> kOutputs & 1U) != 0) {
    stored.constant += outside.begun * entering.begun;
    stored.begun = 0;
  }
  const std::vector<int> dims = dims_at(level, -1);
  Path::Level through{.nodes = here.nodes, .edges = {}, .order = {}};
  // By the dim that slides, and first of all without one.
  std::vector<std::vector<int>> orders(at(problem_.dims()) + 1);
  for (int d = -1; d < problem_.dims(); ++d) orders[at(d + 1)] = dims_at(level, d);
  const auto arrive_at = [&](std::uint32_t from) {
    const State& start = inside.states[from];
    if (start.nests.empty()) return;
    work_ -= 64;
    for (const OrderClass& order : relaxation_.classes()) {
      if (level + 1 == architecture_.size() && &order != &relaxation_.classes().front()) break;
      if (order.slide.dim >= 0) {
        const auto d = at(order.slide.dim);
        if (graphs_[d].edges[at(level)][start.nodes[d]][through.edges[d]].factor == 1) continue;
      }
      // What the loops do is linear in what is pending: read off one part at a time.
      const std::vector<int>& ordered = orders[order.slide.dim < 0 ? 0 : at(order.slide.dim) + 1];
      const auto passed = [&](int part, bool fixed) {
        Passing probe;
        probe.nest.open = problem::kAllRoles;
        if (fixed) probe.nest.fixed = static_cast<std::uint16_t>(1U << order.slide.dim);
        if (part == Pending::kParts) {
          probe.nest.begun = 1;
        } else {
          probe.nest.parts[at(part)] = 1;
        }
        for (int d : ordered) {
          const ChainEdge& edge =
              graphs_[at(d)].edges[at(level)][start.nodes[at(d)]][through.edges[at(d)]];
          if (edge.factor == 1) continue;
          take_loop(order, d, edge.factor, start.values, here.values[at(d)], probe);
        }
        return probe;
      };
      const Passing any = passed(Pending::kParts, false);
      if (!possible(order, any)) continue;
      std::array<bool, Pending::kParts> needed{};
      std::array<bool, 2> fixed_there{};
      for (const Pending& nest : start.nests) {
        for (int i = 0; i < Pending::kParts; ++i) {
          needed[at(i)] = needed[at(i)] || nest.parts[at(i)] != 0;
        }
        const bool is_fixed = order.slide.dim >= 0 && (nest.fixed >> order.slide.dim & 1U) != 0;
        fixed_there[is_fixed ? 1 : 0] = true;
      }
      Way way{.from = from, .outside = stored, .level = through};
      way.level.order = order;
      way.outside.begun = stored.begun * any.nest.begun;
      // Nests whose delivered inputs cannot slide weigh otherwise.
      for (const bool fixed : {false, true}) {
        if (!fixed_there[fixed ? 1 : 0]) continue;
        for (int part = 0; part < Pending::kParts; ++part) {
          if (!needed[at(part)]) continue;
          const Pending arrived = arrive(level, passed(part, fixed));
          double weight = arrived.settled;
          for (int i = 0; i < Pending::kParts; ++i) {
            weight += stored.weights[at(i)] * arrived.parts[at(i)];
          }
          way.outside.weights[at(part)] = weight;
        }
        way.least = kInfinite;
        for (const Pending& nest : start.nests) {
          const bool is_fixed = order.slide.dim >= 0 && (nest.fixed >> order.slide.dim & 1U) != 0;
          if (is_fixed == fixed) way.least = std::min(way.least, way.outside.of(nest));
        }
        if (way.least <= limit) ways.push_back(way);
      }
    }
  };
  if (dims.empty()) {
    const std::uint32_t from = inside.numbers.find(key(here.nodes));
    Way way{.from = from, .outside = stored, .level = through};
    way.least = kInfinite;
    for (const Pending& nest : inside.states[from].nests) {
      way.least = std::min(way.least, way.outside.of(nest));
    }
    if (way.least <= limit) ways.push_back(way);
    return;
  }
  const auto choose = [&](auto& self, std::size_t i) -> void {
    if (i == dims.size()) {
      const std::uint32_t from = inside.numbers.find(key(through.nodes));
      --work_;
      if (from != base::NumberMap::kNone) arrive_at(from);
      return;
    }
    const int d = dims[i];
    for (const auto& [node, edge] : reversed_[at(level)][at(d)][here.nodes[at(d)]]) {
      through.nodes[at(d)] = node;
      through.edges[at(d)] = edge;
      self(self, i + 1);
    }
  };
  choose(choose, 0);
}

}  // namespace dnnaccel::mapper
