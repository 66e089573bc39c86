#include "sim/systolic_plan.hpp"

#include <algorithm>
#include <stdexcept>
#include <string>

#include "base/math.hpp"

namespace dnnaccel::sim {

using problem::Role;

namespace {

constexpr std::size_t at(int i) { return static_cast<std::size_t>(i); }
constexpr std::size_t at(Role role) { return at(problem::index(role)); }

[[noreturn]] void refuse(const std::string& why) {
  throw std::domain_error("systolic array: " + why);
}

/// The positions along one axis: the indices of each, and whether the chunks reach it.
struct Axis {
  std::vector<Indices> indices;
  std::vector<std::uint8_t> empty;
};

Axis positions(const std::vector<SpreadLoop>& loops, const Chunks& chunks) {
  Axis axis{.indices = {Indices{}}, .empty = {0}};
  // What the loops so far leave of each dim at each position.
  std::vector<Chunks> left = {chunks};
  for (const SpreadLoop& loop : loops) {
    Axis finer;
    std::vector<Chunks> pieces;
    for (std::size_t i = 0; i < axis.indices.size(); ++i) {
      for (std::int64_t k = 0; k < loop.trips; ++k) {
        Indices indices = axis.indices[i];
        indices[at(loop.dim)] += k * loop.tile;
        Chunks piece = left[i];
        std::int64_t& size = piece[at(loop.dim)].size;
        size = base::chunk(size, loop.tile, k);
        finer.empty.push_back(axis.empty[i] != 0 || size == 0 ? 1 : 0);
        finer.indices.push_back(indices);
        pieces.push_back(piece);
      }
    }
    axis = std::move(finer);
    left = std::move(pieces);
  }
  // Beyond the last position that works there is nothing to pass words on to.
  while (axis.empty.size() > 1 && axis.empty.back() != 0) {
    axis.empty.pop_back();
    axis.indices.pop_back();
  }
  if (std::count(axis.empty.begin(), axis.empty.end(), 1) == 0) axis.empty.clear();
  return axis;
}

}  // namespace

SystolicPlan::SystolicPlan(const problem::Problem& problem, const arch::Architecture& architecture,
                           const mapping::Mapping& mapping, std::uint32_t waiting)
    : problem_(problem), nest_(mapping::flatten(problem, architecture, mapping)) {
  find_array(architecture);
  find_keepers(architecture, mapping);
  spread(mapping);
  const arch::Array& array = *architecture.array(array_);
  check_rows(array);
  check_columns(array);
  multicast_ = array.multicast.mask(problem);
  if ((array.forwards & problem::bit(held())) != 0 && stationary_ != Stationary::outputs) {
    refuse("level " + array_name_ + " forwards " + problem::name(held()) +
           " between elements; here they are shifted in from outside");
  }
  find_stream(waiting);
}

Role SystolicPlan::held() const {
  switch (stationary_) {
    case Stationary::inputs:
      return Role::inputs;
    case Stationary::weights:
      return Role::weights;
    case Stationary::outputs:
      break;
  }
  return Role::outputs;
}

std::string SystolicPlan::place(int axis) const {
  return "level " + array_name_ + (axis == 0 ? ".rows" : ".columns");
}

void SystolicPlan::find_array(const arch::Architecture& architecture) {
  for (int level = 0; level < architecture.size(); ++level) {
    if (architecture.array(level) != nullptr) array_ = level;
  }
  if (array_ < 0) refuse("the chip has no array");
  for (std::size_t l = nest_.loops.size(); l-- > 0;) {
    if (nest_.loops[l].spatial) {
      array_ = nest_.loops[l].level;
      break;
    }
  }
  array_name_ = architecture.array(array_)->name;
  for (const mapping::NestLoop& loop : nest_.loops) {
    if (loop.spatial && loop.level != array_) {
      refuse("level " + architecture.array(loop.level)->name + " spreads " + dim_name(loop.dim) +
             " over several arrays; only one, " + array_name_ + ", may spread anything");
    }
  }
}

void SystolicPlan::find_keepers(const arch::Architecture& architecture,
                                const mapping::Mapping& mapping) {
  std::uint32_t kept = 0;
  for (int level = 0; level < architecture.size(); ++level) {
    const arch::Memory* memory = architecture.memory(level);
    const std::uint32_t keeps = mapping.levels[at(level)].keeps;
    if (memory == nullptr || keeps == 0) continue;
    if (level < array_) {
      for (const Role role : problem::kEveryRole) {
        if ((keeps & problem::bit(role)) != 0) keepers_.parent[at(role)] = level;
      }
      continue;
    }
    const bool one = keeps == 1 || keeps == 2 || keeps == 4;
    if (!one || kept != 0) {
      refuse("level " + memory->name + " keeps more than one tensor in an element of " +
             array_name_ + "; an element holds a word of one, and the others pass");
    }
    kept = keeps;
    keepers_.element = level;
  }
  if (kept == 0) {
    refuse("no memory inside level " + array_name_ +
           " keeps anything; an element must hold a weight, an input or a sum");
  }
  stationary_ = kept == problem::bit(Role::inputs)    ? Stationary::inputs
                : kept == problem::bit(Role::weights) ? Stationary::weights
                                                      : Stationary::outputs;
}

void SystolicPlan::spread(const mapping::Mapping& mapping) {
  std::array<std::int64_t, problem::kMaxDims> extent{};
  for (int d = 0; d < problem_.dims(); ++d) extent[at(d)] = problem_.bounds[at(d)];
  for (int level = 0; level <= array_; ++level) {
    for (const mapping::Loop& loop : mapping.levels[at(level)].loops) {
      std::int64_t& here = extent[at(loop.dim)];
      if (loop.tile >= here) continue;  // one trip
      if (level == array_) {
        spread_[loop.axis].push_back(
            {.dim = loop.dim, .tile = loop.tile, .trips = base::ceil_div(here, loop.tile)});
        spread_dims_ |= 1U << loop.dim;
      }
      here = loop.tile;
    }
  }
}

void SystolicPlan::check_rows(const arch::Array& array) const {
  const Role passing = Placement{stationary_}.rows();
  for (const SpreadLoop& loop : rows()) {
    const std::string& dim = dim_name(loop.dim);
    if (stationary_ == Stationary::outputs) {
      if (!moves(Role::outputs, loop.dim) || !moves(Role::inputs, loop.dim) ||
          moves(Role::weights, loop.dim)) {
        refuse(
            place(0) + " spreads " + dim +
            "; where outputs stay, rows go over dims of inputs and outputs that weights have not");
      }
      if ((array.multicast.mask(problem_) >> loop.dim & 1U) == 0) {
        refuse("level " + array.name + " does not multicast over " + dim +
               ", which its rows spread; weights pass from row to row");
      }
      continue;
    }
    if (moves(Role::outputs, loop.dim) || !moves(passing, loop.dim) || !moves(held(), loop.dim)) {
      refuse(place(0) + " spreads " + dim + "; where " + problem::name(held()) +
             " stay, rows go over dims that sums add over and both operands have");
    }
    if ((array.reduce.mask(problem_) >> loop.dim & 1U) == 0) {
      refuse("level " + array.name + " does not reduce over " + dim +
             ", which its rows spread; sums add up from row to row");
    }
  }
}

void SystolicPlan::check_columns(const arch::Array& array) const {
  const Role passing = Placement{stationary_}.rows();
  const Role other = stationary_ == Stationary::outputs ? Role::weights : held();
  for (const SpreadLoop& loop : columns()) {
    const std::string& dim = dim_name(loop.dim);
    if (!moves(Role::outputs, loop.dim) || moves(passing, loop.dim) || !moves(other, loop.dim)) {
      refuse(place(1) + " spreads " + dim + "; " + problem::name(passing) +
             " pass from column to column, so columns go over dims of outputs and " +
             problem::name(other) + " that " + problem::name(passing) + " have not");
    }
    if ((array.multicast.mask(problem_) >> loop.dim & 1U) == 0) {
      refuse("level " + array.name + " does not multicast over " + dim +
             ", which its columns spread; " + problem::name(passing) +
             " pass from column to column");
    }
  }
}

/// Loops inside the array, and as many just outside as leave the stationary tile alone.
void SystolicPlan::find_stream(std::uint32_t waiting) {
  const auto above = static_cast<std::size_t>(nest_.above[at(array_)]);
  const bool stays = stationary_ == Stationary::outputs;
  const auto streams = [&](const mapping::NestLoop& loop) {
    // Sums that move are finished in one pass: what they add over is in the rows, or outside.
    const bool order = stays || moves(Role::outputs, loop.dim);
    return !moves(held(), loop.dim) && order && (spread_dims_ >> loop.dim & 1U) == 0 &&
           (waiting >> loop.dim & 1U) == 0;
  };
  for (std::size_t l = above; l < nest_.loops.size(); ++l) {
    const mapping::NestLoop& loop = nest_.loops[l];
    if (!loop.spatial && !streams(loop)) {
      refuse("inside level " + array_name_ + " a loop runs over " + dim_name(loop.dim) +
             "; an element holds one word of the " + problem::name(held()) +
             " while a stream of the others passes");
    }
  }
  outer_loops_ = above;
  while (outer_loops_ > 0 && streams(nest_.loops[outer_loops_ - 1])) --outer_loops_;
  for (std::size_t l = outer_loops_; l < nest_.loops.size(); ++l) {
    const mapping::NestLoop& loop = nest_.loops[l];
    if (!loop.spatial) stream_.push_back({.dim = loop.dim, .tile = loop.tile});
  }
}

FoldWork SystolicPlan::work(const Chunks& chunks) const {
  Axis along_rows = positions(rows(), chunks);
  Axis along_columns = positions(columns(), chunks);
  FoldWork work{.rows = std::move(along_rows.indices),
                .columns = std::move(along_columns.indices),
                .empty_rows = std::move(along_rows.empty),
                .empty_columns = std::move(along_columns.empty),
                .loops = stream_,
                .chunks = chunks};
  std::uint32_t streamed = 0;
  for (const StreamLoop& loop : stream_) streamed |= 1U << loop.dim;
  for (int d = 0; d < problem_.dims(); ++d) {
    if ((streamed >> d & 1U) != 0) work.steps *= chunks[at(d)].size;
    if (!moves(Role::outputs, d) && chunks[at(d)].first > 0) work.begins = false;
  }
  return work;
}

}  // namespace dnnaccel::sim
