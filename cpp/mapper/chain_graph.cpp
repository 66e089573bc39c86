#include "mapper/chain_graph.hpp"

#include <algorithm>
#include <map>
#include <tuple>

#include "base/math.hpp"
#include "mapping/chains.hpp"

namespace dnnaccel::mapper {

namespace {

constexpr std::size_t at(int i) { return static_cast<std::size_t>(i); }

/// One way to spread the positions of a segment in space, and what is left for its loops in time.
struct Spread {
  std::vector<std::int64_t> factors;  ///< of the spatial slots, outermost first
  std::int64_t passes = 1;
};

/// Slots between two fixed tiles of a dim.
struct Segment {
  int first = 0;
  int last = 0;
  std::int64_t extent = 1;  ///< what is cut
  std::int64_t base = 1;    ///< into how large chunks
  int temporal = 0;
  std::vector<Spread> spreads;
};

/// A chain between two slots. Until all spatial slots of the segment are passed, what is left
/// outside is not settled; from then on, only the tile and the passes left matter.
struct State {
  int segment = 0;
  std::int64_t tile = 1;
  std::int64_t steps = 1;             ///< in time, of the segment, so far
  std::int64_t left = 0;              ///< passes left; 0: not settled
  std::vector<std::int64_t> spatial;  ///< factors so far, innermost first; empty once settled
  auto operator<=>(const State&) const = default;
};

struct Move {
  State to;
  std::int64_t factor = 1;
};

class Builder {
 public:
  Builder(const problem::Problem& problem, const mapping::Layout& layout, int dim)
      : layout_(layout), slots_(layout.slots_of(dim)), bound_(problem.bounds[at(dim)]) {
    std::int64_t extent = bound_;
    Segment segment;
    for (int i = 0; i < static_cast<int>(slots_.size()); ++i) {
      const std::int64_t fixed = layout.fixed_tile(slots_[at(i)], dim);
      const bool last = i + 1 == static_cast<int>(slots_.size());
      if (fixed == 0 && !last) continue;
      segment.last = i;
      segment.extent = extent;
      segment.base = last ? 1 : std::min(fixed, extent);
      extent = segment.base;
      add(segment);
      segment = {.first = i + 1};
    }
  }

  [[nodiscard]] State start() const {
    return settle({.segment = static_cast<int>(segments_.size()) - 1});
  }

  [[nodiscard]] bool finished(const State& state) const { return state.segment < 0; }

  /// What a slot may do; the state stands inside it.
  [[nodiscard]] std::vector<Move> moves(const State& state, int slot_index) const {
    const Segment& segment = segments_[at(state.segment)];
    std::vector<Move> out;
    const bool spatial = slot(slot_index).spatial;
    std::vector<std::int64_t> factors;
    for (const Spread& spread : segment.spreads) {
      if (!agrees(spread, state)) continue;
      if (spatial) {
        factors.push_back(spread.factors[spread.factors.size() - 1 - state.spatial.size()]);
      } else if (state.left > 0) {
        add_divisors(state.left, factors);
        break;
      } else {
        add_divisors(spread.passes / state.steps, factors);
      }
    }
    std::sort(factors.begin(), factors.end());
    factors.erase(std::unique(factors.begin(), factors.end()), factors.end());
    for (std::int64_t factor : factors) {
      State to = state;
      to.tile = std::min(segment.extent, state.tile * factor);
      if (spatial) {
        to.spatial.push_back(factor);
      } else if (state.left > 0) {
        to.left = state.left / factor;
      } else {
        to.steps *= factor;
      }
      if (slot_index != segment.first) {
        out.push_back({settle(std::move(to)), factor});
        continue;
      }
      to = settle(std::move(to));
      if (to.left != 1) continue;
      const State next{.segment = state.segment - 1, .tile = segment.extent};
      out.push_back({next.segment < 0 ? next : settle(next), factor});
    }
    return out;
  }

 private:
  [[nodiscard]] const mapping::Slot& slot(int i) const {
    return layout_.slots()[at(slots_[at(i)])];
  }

  void add(Segment segment) {
    std::vector<Spread> spreads{
        {.factors = {}, .passes = base::ceil_div(segment.extent, segment.base)}};
    for (int i = segment.first; i <= segment.last; ++i) {
      if (!slot(i).spatial) {
        ++segment.temporal;
        continue;
      }
      std::vector<Spread> wider;
      for (const Spread& spread : spreads) {
        for (std::int64_t factor : mapping::spatial_factors(spread.passes, slot(i).size)) {
          Spread next = spread;
          next.factors.push_back(factor);
          next.passes = base::ceil_div(spread.passes, factor);
          wider.push_back(std::move(next));
        }
      }
      spreads = std::move(wider);
    }
    for (Spread& spread : spreads) {
      if (segment.temporal > 0 || spread.passes == 1) segment.spreads.push_back(std::move(spread));
    }
    segments_.push_back(std::move(segment));
  }

  /// Whether the innermost factors of a spread are those of the state, and its steps possible.
  [[nodiscard]] static bool agrees(const Spread& spread, const State& state) {
    if (state.left > 0) return true;
    return std::equal(state.spatial.begin(), state.spatial.end(), spread.factors.rbegin()) &&
           spread.passes % state.steps == 0;
  }

  [[nodiscard]] State settle(State state) const {
    const Segment& segment = segments_[at(state.segment)];
    if (state.left > 0 || segment.spreads.empty() ||
        state.spatial.size() < segment.spreads.front().factors.size()) {
      return state;
    }
    for (const Spread& spread : segment.spreads) {
      if (!agrees(spread, state)) continue;
      state.left = spread.passes / state.steps;
      state.steps = 1;
      state.spatial.clear();
      return state;
    }
    return state;
  }

  static void add_divisors(std::int64_t number, std::vector<std::int64_t>& out) {
    for (std::int64_t i = 1; i * i <= number; ++i) {
      if (number % i != 0) continue;
      out.push_back(i);
      out.push_back(number / i);
    }
  }

  const mapping::Layout& layout_;
  const std::vector<int>& slots_;
  std::int64_t bound_;
  std::vector<Segment> segments_;
};

/// States at one level, numbered.
struct Layer {
  std::map<State, int> numbers;
  std::vector<State> states;

  int number(const State& state) {
    const auto [where, added] = numbers.try_emplace(state, static_cast<int>(states.size()));
    if (added) states.push_back(state);
    return where->second;
  }
};

}  // namespace

DimGraph chain_graph(const problem::Problem& problem, const arch::Architecture& architecture,
                     const mapping::Layout& layout, int dim) {
  const int levels = architecture.size();
  DimGraph graph;
  graph.nodes.resize(at(levels) + 1);
  graph.edges.resize(at(levels));
  const std::vector<int>& slots = layout.slots_of(dim);
  std::vector<Layer> layers(at(levels) + 1);
  if (slots.empty()) {
    graph.values = {1};
    for (auto& nodes : graph.nodes) nodes = {{.tile = 1, .value = 0}};
    for (auto& edges : graph.edges) edges = {{ChainEdge{}}};
    return graph;
  }
  const Builder builder(problem, layout, dim);
  layers[at(levels)].number(builder.start());
  int next = static_cast<int>(slots.size()) - 1;
  for (int level = levels - 1; level >= 0; --level) {
    Layer& inside = layers[at(level) + 1];
    Layer& here = layers[at(level)];
    std::vector<int> own;  // the level's slots, innermost first
    while (next >= 0 && layout.slots()[at(slots[at(next)])].level == level) own.push_back(next--);
    auto& edges = graph.edges[at(level)];
    edges.resize(inside.states.size());
    for (std::size_t n = 0; n < inside.states.size(); ++n) {
      std::vector<std::pair<State, ChainEdge>> reached{{inside.states[n], ChainEdge{}}};
      for (int slot : own) {
        const mapping::Slot& where = layout.slots()[at(slots[at(slot)])];
        std::vector<std::pair<State, ChainEdge>> further;
        for (const auto& [state, edge] : reached) {
          for (const Move& move : builder.moves(state, slot)) {
            ChainEdge wider = edge;
            wider.factor *= move.factor;
            if (where.spatial) (where.axis == 0 ? wider.rows : wider.columns) *= move.factor;
            if (where.spatial && where.axis == 0) wider.between = state.tile;
            further.emplace_back(move.to, wider);
          }
        }
        reached = std::move(further);
      }
      for (auto& [state, edge] : reached) {
        edge.to = here.number(state);
        edges[n].push_back(edge);
      }
    }
  }
  // Drop what leads nowhere, from the outside in.
  std::vector<std::vector<int>> alive(at(levels) + 1);
  for (int level = 0; level <= levels; ++level) {
    const std::vector<State>& states = layers[at(level)].states;
    std::vector<int>& numbers = alive[at(level)];
    numbers.assign(states.size(), -1);
    int count = 0;
    for (std::size_t n = 0; n < states.size(); ++n) {
      bool lives = level == 0 && builder.finished(states[n]);
      if (level > 0) {
        auto& edges = graph.edges[at(level) - 1][n];
        std::erase_if(edges,
                      [&](const ChainEdge& edge) { return alive[at(level) - 1][at(edge.to)] < 0; });
        lives = !edges.empty();
      }
      if (lives) numbers[n] = count++;
    }
    auto& nodes = graph.nodes[at(level)];
    for (std::size_t n = 0; n < states.size(); ++n) {
      if (numbers[n] >= 0) nodes.push_back({.tile = states[n].tile});
    }
    if (level > 0) {
      auto& edges = graph.edges[at(level) - 1];
      std::vector<std::vector<ChainEdge>> kept;
      for (std::size_t n = 0; n < states.size(); ++n) {
        if (numbers[n] < 0) continue;
        for (ChainEdge& edge : edges[n]) edge.to = alive[at(level) - 1][at(edge.to)];
        kept.push_back(std::move(edges[n]));
      }
      edges = std::move(kept);
    }
  }
  for (const auto& nodes : graph.nodes) {
    for (const ChainNode& node : nodes) graph.values.push_back(node.tile);
  }
  std::sort(graph.values.begin(), graph.values.end());
  graph.values.erase(std::unique(graph.values.begin(), graph.values.end()), graph.values.end());
  for (auto& nodes : graph.nodes) {
    for (ChainNode& node : nodes) {
      node.value =
          static_cast<int>(std::lower_bound(graph.values.begin(), graph.values.end(), node.tile) -
                           graph.values.begin());
    }
  }
  return graph;
}

}  // namespace dnnaccel::mapper
