#include "cost/walk_nest.hpp"

#include <algorithm>
#include <stdexcept>
#include <string>

#include "base/math.hpp"

namespace dnnaccel::cost::walking {

namespace {

constexpr std::int64_t kMaxWords = 1LL << 26;

constexpr std::size_t at(int i) { return static_cast<std::size_t>(i); }

std::size_t trips(const mapping::NestLoop& loop) {
  return static_cast<std::size_t>(base::ceil_div(loop.extent, loop.tile));
}

/// The k-th chunk of a range.
Range cut(Range range, std::int64_t tile, std::int64_t k) {
  return {.first = range.first + k * tile, .size = base::chunk(range.size, tile, k)};
}

}  // namespace

void require(bool condition, const char* what) {
  if (!condition) throw std::logic_error(std::string("walk: ") + what);
}

Position::Position(const problem::Problem& problem, const mapping::Nest& nest)
    : problem_(problem), nest_(nest) {}

bool Position::first_instance_works(std::size_t loop) const {
  const int dim = nest_.loops[loop].dim;
  std::int64_t extent = problem_.bounds[at(dim)];
  for (std::size_t l = 0; l <= loop; ++l) {
    if (nest_.loops[l].dim != dim) continue;
    extent = base::chunk(extent, nest_.loops[l].tile, nest_.loops[l].spatial ? 0 : index_[l]);
  }
  return extent > 0;
}

int Position::next() {
  for (std::size_t loop = nest_.loops.size(); loop-- > 0;) {
    if (nest_.loops[loop].spatial) continue;
    ++index_[loop];
    if (first_instance_works(loop)) return static_cast<int>(loop);
    index_[loop] = 0;
  }
  return -1;
}

Depth::Depth(const problem::Problem& problem, const mapping::Nest& nest, int above)
    : nest_(nest), above_(above) {
  for (int d = 0; d < problem.dims(); ++d)
    whole_[at(d)] = {.first = 0, .size = problem.bounds[at(d)]};
  std::size_t instances = 1;
  for (std::size_t loop = 0; loop < at(above); ++loop) {
    if (nest.loops[loop].spatial) instances *= trips(nest.loops[loop]);
  }
  chunks_.resize(instances);
  works_.resize(instances);
  worked_.resize(instances);
}

void Depth::descend(const Position& position, std::size_t loop, std::size_t instance,
                    Chunks& chunks) {
  if (loop == at(above_)) {
    chunks_[instance] = chunks;
    works_[instance] = worked_[instance] = 1;
    return;
  }
  const mapping::NestLoop& here = nest_.loops[loop];
  Range& range = chunks[at(here.dim)];
  const Range outer = range;
  const std::size_t splits = here.spatial ? trips(here) : 1;
  for (std::size_t k = 0; k < splits; ++k) {
    range = cut(outer, here.tile, here.spatial ? static_cast<std::int64_t>(k) : position[loop]);
    if (range.size > 0) descend(position, loop + 1, instance * splits + k, chunks);
  }
  range = outer;
}

void Depth::stand_at(const Position& position) {
  std::fill(works_.begin(), works_.end(), std::uint8_t{0});
  Chunks chunks = whole_;
  descend(position, 0, 0, chunks);
}

std::uint64_t Depth::ever_worked() const {
  return static_cast<std::uint64_t>(std::count(worked_.begin(), worked_.end(), 1));
}

Words::Words(const problem::Problem& problem, const problem::Tensor& tensor) : tensor_(tensor) {
  std::int64_t size = 1;
  for (const problem::Axis& axis : tensor.axes) {
    std::int64_t last = axis.offset;
    for (const problem::Term& term : axis.terms) {
      last += term.coefficient * (problem.bounds[at(term.dim)] - 1);
    }
    // At least one wide, though all of the axis may be padding.
    const std::int64_t low = std::max<std::int64_t>(axis.offset, 0);
    const std::int64_t width = std::max<std::int64_t>(std::min(last, axis.size - 1) - low + 1, 1);
    if (width > kMaxWords / size) {
      throw std::invalid_argument(std::string("walk: the ") + problem::name(tensor.role) +
                                  " have more than 2^26 words; a walk is for smaller problems");
    }
    size *= width;
    low_.push_back(low);
    width_.push_back(width);
  }
  size_ = static_cast<std::size_t>(size);
}

const std::vector<std::int64_t>& Words::coordinates(const problem::Axis& axis,
                                                    const Chunks& chunks) {
  coordinates_.clear();
  const auto add = [&](std::int64_t x) {
    if (x >= 0 && x < axis.size) coordinates_.push_back(x);
  };
  const problem::Term& first = axis.terms[0];
  const Range p = chunks[at(first.dim)];
  for (std::int64_t i = p.first; i < p.first + p.size; ++i) {
    const std::int64_t x = axis.offset + first.coefficient * i;
    if (axis.terms.size() == 1) {
      add(x);
      continue;
    }
    const Range r = chunks[at(axis.terms[1].dim)];
    for (std::int64_t j = r.first; j < r.first + r.size; ++j) {
      add(x + axis.terms[1].coefficient * j);
    }
  }
  if (axis.terms.size() > 1) {
    std::sort(coordinates_.begin(), coordinates_.end());
    coordinates_.erase(std::unique(coordinates_.begin(), coordinates_.end()), coordinates_.end());
  }
  return coordinates_;
}

void Words::touch(const Chunks& chunks, std::vector<Word>& tile) {
  tile.assign(1, 0);
  for (std::size_t a = 0; a < tensor_.axes.size(); ++a) {
    const std::vector<std::int64_t>& inner = coordinates(tensor_.axes[a], chunks);
    std::swap(outer_, tile);
    tile.clear();
    for (const Word word : outer_) {
      for (const std::int64_t x : inner) {
        tile.push_back(word * static_cast<Word>(width_[a]) + static_cast<Word>(x - low_[a]));
      }
    }
  }
}

}  // namespace dnnaccel::cost::walking
