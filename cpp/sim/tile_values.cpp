#include "sim/tile_values.hpp"

#include <algorithm>
#include <map>
#include <stdexcept>
#include <string>

#include "sim/tile_block.hpp"
#include "sim/tile_lanes.hpp"
#include "sim/tile_operand.hpp"
#include "sim/tile_poll.hpp"
#include "sim/tile_sums.hpp"

namespace dnnaccel::sim {

namespace tiles {

void require(bool condition, const char* what) {
  if (!condition) throw std::logic_error(std::string("tile simulation: ") + what);
}

namespace {

using problem::Role;

constexpr std::size_t at(int i) { return static_cast<std::size_t>(i); }

/// The instances at every depth where a level stands: levels without a loop between them share
/// theirs. The last is compute's.
class Depths {
 public:
  Depths(const problem::Problem& problem, const mapping::Nest& nest, int levels) : nest_(nest) {
    for (int level = 0; level < levels; ++level) {
      const int above = nest.above[at(level)];
      by_loop_.try_emplace(above, problem, nest, above);
    }
  }

  [[nodiscard]] Instances& of(int level) { return by_loop_.at(nest_.above[at(level)]); }
  void stand_at(const Position& position, int stepped) {
    for (auto& [above, instances] : by_loop_) {
      if (stepped < above) instances.stand_at(position);
    }
  }

 private:
  const mapping::Nest& nest_;
  std::map<int, Instances> by_loop_;
};

std::uint64_t working(const Instances& instances) {
  std::uint64_t count = 0;
  for (std::size_t i = 0; i < instances.count(); ++i) count += instances.works(i) ? 1 : 0;
  return count;
}

/// The same problem, its tensors without axes that have but one place, as a batch of 1 and a single
/// group are: nothing ever moves along them.
problem::Problem without_idle_axes(problem::Problem problem) {
  const auto idle = [&](const problem::Axis& axis) {
    return axis.size == 1 && axis.offset == 0 &&
           std::all_of(axis.terms.begin(), axis.terms.end(), [&](const problem::Term& term) {
             return problem.bounds[at(term.dim)] == 1;
           });
  };
  for (problem::Tensor& tensor : problem.tensors) std::erase_if(tensor.axes, idle);
  return problem;
}

/// A nest, and who keeps what in it.
struct Plan {
  Plan(const problem::Problem& problem_, const arch::Architecture& architecture_,
       const mapping::Mapping& mapping)
      : problem(problem_),
        architecture(architecture_),
        nest(mapping::flatten(problem_, architecture_, mapping)),
        depths(problem_, nest, architecture_.size()),
        lanes(problem_, nest, static_cast<int>(nest.loops.size())) {
    for (int level = 0; level < architecture.size(); ++level) {
      if (architecture.memory(level) == nullptr) continue;
      for (const Role role : problem::kEveryRole) {
        if ((mapping.levels[at(level)].keeps & problem::bit(role)) == 0) continue;
        keepers[at(problem::index(role))].push_back(
            {.level = level, .instances = &depths.of(level)});
        deepest = std::max(deepest, level);
      }
    }
    first = find_first();
    outer = nest;
    while (outer.loops.size() > first) outer.loops.pop_back();
  }

  /// The outermost loop from which on nothing moves: every temporal loop there stands below the
  /// storage of every keeper, or is over a dim that its tensor does not have.
  [[nodiscard]] std::size_t find_first() const {
    std::size_t from = nest.loops.size();
    while (from > 0) {
      const mapping::NestLoop& loop = nest.loops[from - 1];
      for (const Role role : problem::kEveryRole) {
        const Keeper& innermost = keepers[at(problem::index(role))].back();
        const bool above = innermost.instances->above() >= static_cast<int>(from);
        const bool has = (problem.tensor(role).dims() >> loop.dim & 1U) != 0;
        if (!loop.spatial && above && has) return from;
      }
      --from;
    }
    return 0;
  }

  [[nodiscard]] LaneNetwork lane_network(Role role) const {
    return {problem,
            architecture,
            nest,
            role,
            keepers[at(problem::index(role))].back(),
            {.level = architecture.size(), .instances = &lanes},
            first};
  }

  const problem::Problem& problem;
  const arch::Architecture& architecture;
  mapping::Nest nest;
  Depths depths;
  Instances lanes;  ///< MAC units
  std::array<std::vector<Keeper>, problem::kRoles> keepers;
  int deepest = 0;
  std::size_t first = 0;
  mapping::Nest outer;  ///< the loops outside a block
};

template <typename T>
class Run {
 public:
  Run(Plan& plan, const Tensors<T>& tensors, const ValuesProgress& progress)
      : plan_(plan),
        poll_(progress, plan.problem.macs()),
        inputs_(plan.problem, plan.architecture, plan.nest, Role::inputs, plan.keepers[0],
                tensors.inputs),
        weights_(plan.problem, plan.architecture, plan.nest, Role::weights, plan.keepers[1],
                 tensors.weights),
        sums_(plan.problem, plan.architecture, plan.nest, plan.keepers[2], tensors.outputs),
        input_lanes_(plan.lane_network(Role::inputs)),
        weight_lanes_(plan.lane_network(Role::weights)),
        output_lanes_(plan.lane_network(Role::outputs)),
        block_(plan.problem, plan.nest, plan.first, plan.depths.of(plan.deepest), inputs_, weights_,
               sums_, poll_) {}

  void execute() {
    Position position(plan_.problem, plan_.outer);
    count_instances(position);
    int stepped = -1;
    do {
      plan_.depths.stand_at(position, stepped);
      inputs_.step(stepped);
      weights_.step(stepped);
      sums_.step(stepped);
      compute(position);
      poll_(counts_.macs);
      stepped = position.next();
    } while (stepped >= 0);
    sums_.finish();
    require(counts_.macs == plan_.problem.macs(), "the nest does not cover the problem once");
  }

  cost::Counts counts() {
    inputs_.enter(counts_);
    weights_.enter(counts_);
    sums_.enter(counts_);
    input_lanes_.enter(0, counts_);
    weight_lanes_.enter(0, counts_);
    output_lanes_.enter(returned_, counts_);
    return counts_;
  }

 private:
  /// At the first position all chunks are the fullest: who idles there never works.
  void count_instances(const Position& position) {
    plan_.depths.stand_at(position, -1);
    plan_.lanes.stand_at(position);
    for (int level = 0; level < plan_.architecture.size(); ++level) {
      counts_.instances[at(level)] = working(plan_.depths.of(level));
    }
    counts_.active_macs = working(plan_.lanes);
  }

  void compute(const Position& position) {
    const Touched touched = block_.run(position);
    counts_.macs += touched.macs;
    std::uint64_t steps = 1;
    for (int d = 0; d < plan_.problem.dims(); ++d) {
      steps *= count_positions(plan_.problem, plan_.nest, d, plan_.first, position);
    }
    counts_.steps += steps;
    inputs_.read_by_compute(input_lanes_.cross(position, touched.words[0]));
    weights_.read_by_compute(weight_lanes_.cross(position, touched.words[1]));
    // A sum that has begun goes to one lane and comes back; one that had not is not read. Of sums
    // that arrive on several wires, each after the first reads what is there to add to it.
    const std::uint64_t arrived = output_lanes_.cross(position, touched.words[2]);
    returned_ += output_lanes_.once(position, touched.words[2]) - touched.begun;
    sums_.used_by_compute(arrived - touched.begun, arrived);
  }

  Plan& plan_;
  Poll poll_;
  Operand<T> inputs_;
  Operand<T> weights_;
  Sums<T> sums_;
  LaneNetwork input_lanes_;
  LaneNetwork weight_lanes_;
  LaneNetwork output_lanes_;
  Block<T> block_;
  cost::Counts counts_;
  std::uint64_t returned_ = 0;
};

}  // namespace

}  // namespace tiles

template <typename T>
ValuesRun simulate_values(const problem::Problem& problem, const arch::Architecture& architecture,
                          const mapping::Mapping& mapping, const Tensors<T>& tensors,
                          const ValuesProgress& progress) {
  if (tensors.inputs == nullptr || tensors.weights == nullptr || tensors.outputs == nullptr) {
    throw std::invalid_argument(
        "tile simulation: needs inputs, weights and room for outputs; one of them is missing");
  }
  const problem::Problem slim = tiles::without_idle_axes(problem);
  tiles::Plan plan(slim, architecture, mapping);
  tiles::Run<T> run(plan, tensors, progress);
  ValuesRun out;
  try {
    run.execute();
  } catch (const tiles::Stopped&) {
    out.finished = false;
  }
  out.counts = run.counts();
  return out;
}

template ValuesRun simulate_values(const problem::Problem&, const arch::Architecture&,
                                   const mapping::Mapping&, const Tensors<std::int32_t>&,
                                   const ValuesProgress&);
template ValuesRun simulate_values(const problem::Problem&, const arch::Architecture&,
                                   const mapping::Mapping&, const Tensors<float>&,
                                   const ValuesProgress&);

}  // namespace dnnaccel::sim
