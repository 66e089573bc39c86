#include "sim/tree_shape.hpp"

#include <algorithm>
#include <bit>
#include <limits>
#include <stdexcept>
#include <string>

#include "base/math.hpp"

namespace dnnaccel::sim::tree {

namespace {

using problem::Role;

/// Steps of a fold at most, unless the loops inside the elements alone have more.
constexpr std::int64_t kLongestFold = 4096;

constexpr std::size_t at(int i) { return static_cast<std::size_t>(i); }

const std::string& name_of(const arch::Architecture& architecture, int level) {
  return std::visit([](const auto& one) -> const std::string& { return one.name; },
                    architecture.levels[at(level)]);
}

/// Everything that reading a mapping looks at.
class Reader {
 public:
  Reader(const problem::Problem& problem, const arch::Architecture& architecture,
         const mapping::Mapping& mapping, const mapping::Nest& nest, int array)
      : problem_(problem), architecture_(architecture), mapping_(mapping), nest_(nest) {
    shape_.array = array;
    shape_.rows = architecture.array(array)->rows;
    shape_.columns = architecture.array(array)->columns;
  }

  Shape read() {
    check_other_arrays();
    find_keepers();
    check_tensors();
    spread();
    place_folds();
    return shape_;
  }

 private:
  [[noreturn]] void refuse(int level, const std::string& what) const {
    throw std::domain_error("level " + name_of(architecture_, level) + ": " + what);
  }
  [[nodiscard]] const std::string& dim(int d) const { return problem_.dim_names[at(d)]; }
  [[nodiscard]] bool moves(Role role, int d) const {
    return (problem_.tensor(role).dims() >> d & 1U) != 0;
  }
  [[nodiscard]] bool keeps(int level, Role role) const {
    return architecture_.memory(level) != nullptr &&
           (mapping_.levels[at(level)].keeps & problem::bit(role)) != 0;
  }

  void check_other_arrays() const {
    for (const mapping::NestLoop& loop : nest_.loops) {
      if (!loop.spatial || loop.level == shape_.array) continue;
      refuse(loop.level, "spreads " + dim(loop.dim) + "; one adder-tree array (" +
                             name_of(architecture_, shape_.array) +
                             ") is simulated, so only one instance of every other array may work");
    }
  }

  void find_keepers() {
    const auto innermost_above = [&](Role role) {
      int level = shape_.array;
      while (!keeps(level, role)) --level;  // the outermost memory keeps everything
      return level;
    };
    shape_.inputs = innermost_above(Role::inputs);
    shape_.weights = innermost_above(Role::weights);
    shape_.sums = innermost_above(Role::outputs);
    for (int level = shape_.array + 1; level < architecture_.size(); ++level) {
      if (keeps(level, Role::inputs)) {
        refuse(level,
               "keeps inputs, but inputs are broadcast to the multipliers; let it bypass them");
      }
      if (keeps(level, Role::outputs)) {
        refuse(level, "keeps outputs, but products leave for the adder tree; let it bypass them");
      }
      if (!keeps(level, Role::weights)) continue;
      if (shape_.registers >= 0) {
        refuse(level, "keeps weights, and so does level " +
                          name_of(architecture_, shape_.registers) +
                          "; an element has one memory for weights");
      }
      read_registers(level);
    }
  }

  void read_registers(int level) {
    const arch::Memory& memory = *architecture_.memory(level);
    shape_.registers = level;
    // A streamed register frees nothing before the last use of its tile, which is here its end.
    shape_.hides_loads = memory.buffering == arch::Buffering::twofold;
    if ((architecture_.array(shape_.array)->forwards & problem::bit(Role::weights)) != 0) {
      refuse(shape_.array,
             "its elements hand weights on to each other, which those of an adder tree do not; "
             "take weights out of forwards");
    }
    std::uint64_t tile = 1;
    for (int d = 0; d < problem_.dims(); ++d) {
      if (!moves(Role::weights, d)) continue;
      std::int64_t extent = problem_.bounds[at(d)];
      for (std::size_t l = 0; l < nest_.above[at(level)]; ++l) {
        if (nest_.loops[l].dim == d) extent = std::min(extent, nest_.loops[l].tile);
      }
      tile *= static_cast<std::uint64_t>(extent);
    }
    const std::uint64_t needed = shape_.hides_loads ? 2 * tile : tile;
    if (needed > memory.capacity_words) {
      refuse(level, "holds " + std::to_string(memory.capacity_words) + " words, and " +
                        std::to_string(needed) + " weights are to stand in it" +
                        (shape_.hides_loads ? " (two tiles)" : ""));
    }
  }

  /// Words of weights and sums must have one place each, none of it padding.
  void check_tensors() const {
    for (const Role role : {Role::weights, Role::outputs}) {
      for (const problem::Axis& axis : problem_.tensor(role).axes) {
        std::int64_t last = axis.offset;
        for (const problem::Term& term : axis.terms) {
          last += term.coefficient * (problem_.bounds[at(term.dim)] - 1);
        }
        if (axis.terms.size() != 1 || axis.offset < 0 || last >= axis.size) {
          refuse(shape_.array,
                 std::string("the ") + problem::name(role) +
                     " slide or have padding; here every index has a word of its own");
        }
      }
    }
  }

  void check_spread(const mapping::NestLoop& loop, int axis) const {
    const arch::Array& array = *architecture_.array(shape_.array);
    const bool reduces = !moves(Role::outputs, loop.dim);
    const std::string& here = dim(loop.dim);
    if (axis == 0 && !reduces) {
      refuse(shape_.array, "rows spread " + here +
                               ", but a tree adds up what its rows make, and outputs differ in " +
                               here + "; spread it along the columns");
    }
    if (axis == 1 && reduces) {
      refuse(shape_.array, "columns spread " + here +
                               ", but every column has a tree of its own, and sums over " + here +
                               " would have to meet; spread it along the rows");
    }
    if (axis == 0 && (array.reduce.mask(problem_) >> loop.dim & 1U) == 0) {
      refuse(shape_.array, "rows spread " + here + ", and its network does not add over " + here +
                               "; add it to reduce");
    }
  }

  /// The axis of every spatial loop of the array, in the order of the nest.
  [[nodiscard]] std::vector<int> axes() const {
    std::vector<int> found;
    std::size_t next = shape_.spatial_begin;
    for (const mapping::Loop& loop : mapping_.levels[at(shape_.array)].loops) {
      // Loops of one trip are not in the nest.
      if (next == shape_.spatial_end) break;
      if (nest_.loops[next].dim != loop.dim || nest_.loops[next].tile != loop.tile) continue;
      found.push_back(loop.axis);
      ++next;
    }
    return found;
  }

  void spread() {
    shape_.spatial_begin = nest_.above[at(shape_.array)];
    shape_.spatial_end = nest_.above[at(shape_.array) + 1];
    const std::vector<int> along = axes();
    for (std::size_t l = shape_.spatial_begin; l < shape_.spatial_end; ++l) {
      check_spread(nest_.loops[l], along[l - shape_.spatial_begin]);
      add_spread(nest_.loops[l], along[l - shape_.spatial_begin] == 0);
    }
    shape_.row_lanes = lanes(along, 0);
    shape_.column_lanes = lanes(along, 1);
  }

  [[nodiscard]] std::size_t spread_of(int d) const {
    const auto found = std::find_if(shape_.spreads.begin(), shape_.spreads.end(),
                                    [&](const Spread& one) { return one.dim == d; });
    return static_cast<std::size_t>(found - shape_.spreads.begin());
  }

  /// Cut every digit of the dim once more.
  void add_spread(const mapping::NestLoop& loop, bool on_rows) {
    const std::size_t which = spread_of(loop.dim);
    if (which == shape_.spreads.size()) {
      const arch::DimSet& multicast = architecture_.array(shape_.array)->multicast;
      shape_.spreads.push_back({.dim = loop.dim,
                                .on_rows = on_rows,
                                .multicast = (multicast.mask(problem_) >> loop.dim & 1U) != 0,
                                .digits = {{.room = std::numeric_limits<std::int64_t>::max()}}});
    }
    Spread& spread = shape_.spreads[which];
    std::vector<Digit> cut;
    for (const Digit& digit : spread.digits) {
      for (std::int64_t k = 0; k < base::ceil_div(loop.extent, loop.tile); ++k) {
        cut.push_back({.offset = digit.offset + k * loop.tile,
                       .room = std::clamp<std::int64_t>(digit.room - k * loop.tile, 0, loop.tile)});
        spread.same_room = spread.same_room && cut.back().room == cut.front().room;
      }
    }
    spread.digits = cut;
  }

  [[nodiscard]] std::vector<Lane> lanes(const std::vector<int>& along, int axis) const {
    std::vector<Lane> found(1, {.digits = std::vector<std::uint32_t>(shape_.spreads.size())});
    for (std::size_t l = shape_.spatial_begin; l < shape_.spatial_end; ++l) {
      if (along[l - shape_.spatial_begin] != axis) continue;
      const std::size_t which = spread_of(nest_.loops[l].dim);
      const std::int64_t trips = base::ceil_div(nest_.loops[l].extent, nest_.loops[l].tile);
      std::vector<Lane> cut;
      for (const Lane& lane : found) {
        for (std::int64_t k = 0; k < trips; ++k) {
          cut.push_back(lane);
          std::uint32_t& digit = cut.back().digits[which];
          digit = static_cast<std::uint32_t>(digit * trips + k);
        }
      }
      found = cut;
    }
    return found;
  }

  /// A fold takes in the loops just outside the array that leave everything in the memories above,
  /// and the weights in registers, where they are.
  void place_folds() {
    shape_.outer = shape_.spatial_begin;
    std::size_t stays = 0;
    for (int level = 0; level < shape_.array; ++level) {
      if (mapping_.levels[at(level)].keeps != 0) stays = nest_.above[at(level)];
    }
    std::int64_t steps = 1;
    for (std::size_t l = shape_.spatial_end; l < nest_.loops.size(); ++l) {
      steps *= base::ceil_div(nest_.loops[l].extent, nest_.loops[l].tile);
    }
    while (shape_.outer > stays) {
      const mapping::NestLoop& loop = nest_.loops[shape_.outer - 1];
      steps *= base::ceil_div(loop.extent, loop.tile);
      const bool new_weights = shape_.registers >= 0 && moves(Role::weights, loop.dim);
      if (new_weights || steps > kLongestFold) break;
      --shape_.outer;
    }
  }

  const problem::Problem& problem_;
  const arch::Architecture& architecture_;
  const mapping::Mapping& mapping_;
  const mapping::Nest& nest_;
  Shape shape_;
};

}  // namespace

std::uint64_t depth_of(std::int64_t rows) {
  return 2 + static_cast<std::uint64_t>(std::bit_width(static_cast<std::uint64_t>(rows - 1)));
}

Shape read_shape(const problem::Problem& problem, const arch::Architecture& architecture,
                 const mapping::Mapping& mapping, const mapping::Nest& nest, int array) {
  if (array < 0 || array >= architecture.size() || architecture.array(array) == nullptr) {
    throw std::invalid_argument("an adder tree needs an array level; level " +
                                std::to_string(array) + " is none");
  }
  return Reader(problem, architecture, mapping, nest, array).read();
}

}  // namespace dnnaccel::sim::tree
