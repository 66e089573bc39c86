#include "sim/row_shape.hpp"

#include <algorithm>
#include <stdexcept>
#include <string>

#include "base/math.hpp"

namespace dnnaccel::sim::rows {

namespace {

using problem::Role;

constexpr std::size_t at(int i) { return static_cast<std::size_t>(i); }

[[noreturn]] void refuse(const std::string& what) {
  throw std::domain_error("row-stationary array: " + what);
}

const std::string& name_of(const arch::Architecture& architecture, int level) {
  return std::visit([](const auto& one) -> const std::string& { return one.name; },
                    architecture.levels[at(level)]);
}

Dims dims_of(const problem::Problem& problem) {
  Dims dims;
  const std::array<std::pair<const char*, int*>, 8> known = {{{"N", &dims.n},
                                                              {"G", &dims.g},
                                                              {"M", &dims.m},
                                                              {"C", &dims.c},
                                                              {"P", &dims.p},
                                                              {"Q", &dims.q},
                                                              {"R", &dims.r},
                                                              {"S", &dims.s}}};
  for (int d = 0; d < problem.dims(); ++d) {
    const auto found = std::find_if(known.begin(), known.end(), [&](const auto& one) {
      return one.first == problem.dim_names[at(d)];
    });
    if (found == known.end()) {
      refuse("dim " + problem.dim_names[at(d)] +
             " is none of a convolution's; it works over N, G, M, C, P, Q, R and S");
    }
    *found->second = d;
  }
  return dims;
}

/// Every axis but the windows' is one dim as it is.
Strides strides_of(const problem::Tensor& tensor, const Dims& dims, Window* rows, Window* columns) {
  Strides strides{};
  std::int64_t words = 1;
  for (std::size_t a = tensor.axes.size(); a-- > 0;) {
    const problem::Axis& axis = tensor.axes[a];
    Window* window = nullptr;
    for (const problem::Term& term : axis.terms) {
      if (term.dim == dims.p || term.dim == dims.r) window = rows;
      if (term.dim == dims.q || term.dim == dims.s) window = columns;
    }
    if (window == nullptr) {
      if (axis.terms.size() != 1 || axis.offset != 0 || axis.terms[0].coefficient != 1) {
        refuse(std::string("an axis of the ") + problem::name(tensor.role) +
               " is not one dim as it is; only rows and columns of the inputs may slide");
      }
      strides[at(axis.terms[0].dim)] = words;
    } else {
      window->offset = axis.offset;
      window->size = axis.size;
      window->words = words;
      for (const problem::Term& term : axis.terms) {
        const bool filter = term.dim == dims.r || term.dim == dims.s;
        (filter ? window->dilation : window->stride) = term.coefficient;
      }
    }
    words *= axis.size;
  }
  return strides;
}

class Reader {
 public:
  Reader(const problem::Problem& problem, const arch::Architecture& architecture,
         const mapping::Mapping& mapping)
      : problem_(problem), architecture_(architecture), mapping_(mapping) {}

  Shape read() {
    shape_.nest = mapping::flatten(problem_, architecture_, mapping_);
    shape_.dims = dims_of(problem_);
    const auto tensor = [&](Role role) -> const problem::Tensor& { return problem_.tensor(role); };
    shape_.inputs = strides_of(tensor(Role::inputs), shape_.dims, &shape_.rows, &shape_.columns);
    shape_.weights = strides_of(tensor(Role::weights), shape_.dims, nullptr, nullptr);
    shape_.outputs = strides_of(tensor(Role::outputs), shape_.dims, nullptr, nullptr);
    find_array();
    find_memories();
    check_inside();
    check_spread();
    check_network();
    find_places();
    check_capacity();
    return shape_;
  }

 private:
  [[nodiscard]] std::string where(const mapping::NestLoop& loop) const {
    return "level " + name_of(architecture_, loop.level) + ": " + problem_.dim_names[at(loop.dim)];
  }

  [[nodiscard]] bool is(int dim, std::initializer_list<int> any) const {
    return std::find(any.begin(), any.end(), dim) != any.end();
  }

  void find_array() {
    shape_.array = -1;
    for (int level = 0; level < architecture_.size(); ++level) {
      if (architecture_.array(level) != nullptr) shape_.array = level;
    }
    if (shape_.array < 0) refuse("the chip has no array; it takes one, of processing elements");
    bool any = false;
    for (const mapping::NestLoop& loop : shape_.nest.loops) {
      if (!loop.spatial) continue;
      if (any && loop.level != shape_.array) {
        refuse(where(loop) +
               " is spread over a second array; one array takes all of R, P, G, C, M");
      }
      shape_.array = loop.level;
      any = true;
    }
    const arch::Array& array = *architecture_.array(shape_.array);
    shape_.array_rows = array.rows;
    shape_.array_columns = array.columns;
    shape_.slide = shape_.nest.above[at(shape_.array)];
    shape_.inner = shape_.slide;
    while (shape_.inner < shape_.nest.loops.size() && shape_.nest.loops[shape_.inner].spatial) {
      ++shape_.inner;
    }
    const Dims& d = shape_.dims;
    shape_.outer = shape_.slide;
    while (shape_.outer > 0 && is(shape_.nest.loops[shape_.outer - 1].dim, {d.n, d.q})) {
      --shape_.outer;
    }
  }

  void find_memories() {
    for (int r = 0; r < problem::kRoles; ++r) {
      int inside = -1;
      for (int level = 0; level < architecture_.size(); ++level) {
        if (architecture_.memory(level) == nullptr) continue;
        if ((mapping_.levels[at(level)].keeps >> r & 1U) == 0) continue;
        if (level < shape_.array) {
          shape_.parents[at(r)] = level;
          continue;
        }
        if (inside >= 0) {
          refuse("level " + name_of(architecture_, level) + " keeps " +
                 problem::name(static_cast<Role>(r)) + ", and so does " +
                 name_of(architecture_, inside) + "; an element has one scratchpad for each");
        }
        inside = level;
      }
      if (inside < 0) {
        refuse(std::string("no level below the array keeps ") +
               problem::name(static_cast<Role>(r)) +
               "; an element needs a scratchpad for inputs, weights and outputs each");
      }
      shape_.spads.level[at(r)] = inside;
    }
  }

  void check_inside() {
    const Dims& d = shape_.dims;
    for (std::size_t l = shape_.inner; l < shape_.nest.loops.size(); ++l) {
      const mapping::NestLoop& loop = shape_.nest.loops[l];
      if (!is(loop.dim, {d.c, d.s, d.m})) {
        refuse(where(loop) + " runs inside an element; only C, S and M do, and " +
               problem_.dim_names[at(loop.dim)] + " belongs outside");
      }
    }
    for (int r = 0; r < problem::kRoles; ++r) {
      const int level = shape_.spads.level[at(r)];
      if (shape_.nest.above[at(level)] != shape_.inner) {
        refuse(where(shape_.nest.loops[shape_.inner]) + " runs above the storage of level " +
               name_of(architecture_, level) +
               "; the loops of an element all run below its last scratchpad");
      }
    }
  }

  void check_spread() {
    const Dims& d = shape_.dims;
    for (const mapping::Loop& loop : mapping_.levels[at(shape_.array)].loops) {
      const bool fits = loop.axis == 0 ? is(loop.dim, {d.r, d.g, d.c, d.m, d.p})
                                       : is(loop.dim, {d.p, d.g, d.c, d.m});
      const bool there =
          std::any_of(shape_.nest.loops.begin(), shape_.nest.loops.end(), [&](const auto& one) {
            return one.spatial && one.dim == loop.dim && one.tile == loop.tile;
          });
      if (fits || !there) continue;
      refuse("level " + name_of(architecture_, shape_.array) +
             (loop.axis == 0 ? ".rows" : ".columns") + ": " + problem_.dim_names[at(loop.dim)] +
             " is spread there; rows take R, G, C, M and P, columns P, G, C and M");
    }
    std::array<std::int64_t, problem::kMaxDims> left{};
    for (int dim = 0; dim < problem_.dims(); ++dim) left[at(dim)] = problem_.bounds[at(dim)];
    for (std::size_t l = 0; l < shape_.inner; ++l) {
      left[at(shape_.nest.loops[l].dim)] = shape_.nest.loops[l].tile;
    }
    for (const int dim : {d.n, d.g, d.p, d.q, d.r}) {
      // Nothing of these runs inside, so flatten has seen to it.
      if (dim >= 0 && left[at(dim)] != 1)
        throw std::logic_error("row-stationary array: a row left");
    }
  }

  void check_network() {
    const arch::Array& array = *architecture_.array(shape_.array);
    const std::uint32_t multicast = array.multicast.mask(problem_);
    const std::uint32_t reduce = array.reduce.mask(problem_);
    const Dims& d = shape_.dims;
    for (std::size_t l = shape_.slide; l < shape_.inner; ++l) {
      const mapping::NestLoop& loop = shape_.nest.loops[l];
      if ((multicast >> loop.dim & 1U) == 0) {
        refuse(where(loop) +
               " is spread, and the network does not multicast across it; rows of "
               "filters and inputs are shared, so `multicast: all` would be right");
      }
      if (is(loop.dim, {d.c, d.r}) && (reduce >> loop.dim & 1U) == 0) {
        refuse(where(loop) +
               " is spread, and the network does not reduce across it; sums go up a "
               "column, so `reduce: [C, R]` would be right");
      }
    }
    if ((array.forwards & (problem::bit(Role::inputs) | problem::bit(Role::weights))) != 0) {
      refuse("level " + array.name +
             " forwards operands between neighbours; here buses bring them, so no `forwards`");
    }
  }

  void find_places() {
    const mapping::LevelMapping& level = mapping_.levels[at(shape_.array)];
    std::vector<int> axes;
    std::array<std::int64_t, problem::kMaxDims> extent{};
    for (std::size_t l = 0; l < shape_.slide; ++l) {
      extent[at(shape_.nest.loops[l].dim)] = shape_.nest.loops[l].tile;
    }
    for (int dim = 0; dim < problem_.dims(); ++dim) {
      if (extent[at(dim)] == 0) extent[at(dim)] = problem_.bounds[at(dim)];
    }
    for (const mapping::Loop& loop : level.loops) {  // as flatten leaves out loops of one trip
      if (loop.tile >= extent[at(loop.dim)]) continue;
      axes.push_back(loop.axis);
      extent[at(loop.dim)] = loop.tile;
    }
    shape_.places.assign(1, {});
    for (std::size_t l = shape_.slide; l < shape_.inner; ++l) {
      const mapping::NestLoop& loop = shape_.nest.loops[l];
      const std::int64_t trips = base::ceil_div(loop.extent, loop.tile);
      std::vector<Place> next;
      for (const Place& place : shape_.places) {
        for (std::int64_t k = 0; k < trips; ++k) {
          Place one = place;
          std::int64_t& along = axes[l - shape_.slide] == 0 ? one.row : one.column;
          along = along * trips + k;
          one.pieces.push_back(k);
          next.push_back(std::move(one));
        }
      }
      shape_.places = std::move(next);
    }
  }

  void check_capacity() {
    // The largest tiles: those of the fullest element, the first.
    std::array<std::uint64_t, problem::kMaxDims> tile{};
    for (int dim = 0; dim < problem_.dims(); ++dim) {
      tile[at(dim)] = static_cast<std::uint64_t>(problem_.bounds[at(dim)]);
    }
    for (std::size_t l = 0; l < shape_.inner; ++l) {
      const mapping::NestLoop& loop = shape_.nest.loops[l];
      tile[at(loop.dim)] = static_cast<std::uint64_t>(loop.tile);
    }
    const auto of = [&](int dim) { return dim < 0 ? 1 : tile[at(dim)]; };
    const Dims& d = shape_.dims;
    const cost::PerRole<std::uint64_t> need = {of(d.c) * of(d.s), of(d.c) * of(d.s) * of(d.m),
                                               of(d.m)};
    for (int r = 0; r < problem::kRoles; ++r) {
      const int level = shape_.spads.level[at(r)];
      const arch::Memory& memory = *architecture_.memory(level);
      std::uint64_t all = 0;
      std::string roles;
      for (int other = 0; other < problem::kRoles; ++other) {
        if (shape_.spads.level[at(other)] != level) continue;
        all += need[at(other)];
        roles += (roles.empty() ? "" : " + ") + std::to_string(need[at(other)]) + " of " +
                 problem::name(static_cast<Role>(other));
      }
      if (all > memory.capacity_words) {
        refuse("level " + memory.name + " needs room for " + roles + " words and has " +
               std::to_string(memory.capacity_words) + "; smaller steps of C or M would fit");
      }
      // What several roles share leaves none of them room of its own.
      shape_.spads.words[at(r)] = all == need[at(r)] ? memory.capacity_words : need[at(r)];
    }
  }

  const problem::Problem& problem_;
  const arch::Architecture& architecture_;
  const mapping::Mapping& mapping_;
  Shape shape_;
};

}  // namespace

Shape shape_of(const problem::Problem& problem, const arch::Architecture& architecture,
               const mapping::Mapping& mapping) {
  return Reader(problem, architecture, mapping).read();
}

}  // namespace dnnaccel::sim::rows
