#include "sim/tree_words.hpp"

#include <algorithm>
#include <map>

namespace dnnaccel::sim::tree {

namespace {

constexpr std::size_t at(int i) { return static_cast<std::size_t>(i); }

std::int64_t overlap(Range one, Range other) {
  const std::int64_t end = std::min(one.first + one.size, other.first + other.size);
  return std::max<std::int64_t>(end - std::max(one.first, other.first), 0);
}

Range intersection(Range one, Range other) {
  return {.first = std::max(one.first, other.first), .size = overlap(one, other)};
}

std::int64_t number(const std::vector<std::uint32_t>& digits) {
  return static_cast<std::int64_t>(digits.size());
}

}  // namespace

FetchedWords::FetchedWords(const problem::Problem& problem, const Shape& shape, problem::Role role)
    : shape_(shape) {
  const problem::Tensor& tensor = problem.tensor(role);
  for (const problem::Axis& axis : tensor.axes) {
    AxisWords one{.axis = axis};
    std::int64_t low = axis.offset;
    std::int64_t high = axis.offset;
    for (const problem::Term& term : axis.terms) {
      const std::int64_t reach = term.coefficient * (problem.bounds[at(term.dim)] - 1);
      (reach < 0 ? low : high) += reach;
      for (std::size_t s = 0; s < shape.spreads.size(); ++s) {
        if (shape.spreads[s].dim == term.dim) {
          one.spreads.push_back({.spread = s, .coefficient = term.coefficient});
        }
      }
    }
    one.inside = low >= 0 && high < axis.size;
    axes_.push_back(one);
  }
  for (std::size_t s = 0; s < shape.spreads.size(); ++s) {
    const bool moves = (tensor.dims() >> shape.spreads[s].dim & 1U) != 0;
    if (!moves && !shape.spreads[s].multicast) copies_.push_back(s);
  }
}

std::int64_t FetchedWords::count(const Chunks& base, const AliveDigits& alive,
                                 std::uint64_t version) {
  std::int64_t words = 1;
  for (const std::size_t s : copies_) words *= number(alive[s]);
  for (AxisWords& one : axes_) {
    std::int64_t coordinate = one.axis.offset;
    for (const problem::Term& term : one.axis.terms) {
      coordinate += term.coefficient * base[at(term.dim)].first;
    }
    if (one.version != version || (!one.inside && one.coordinate != coordinate)) {
      one.version = version;
      one.coordinate = coordinate;
      one.words = count_axis(one, coordinate, alive);
    }
    words *= one.words;
  }
  return words;
}

std::int64_t FetchedWords::count_axis(const AxisWords& one, std::int64_t coordinate,
                                      const AliveDigits& alive) {
  if (one.spreads.empty()) return coordinate >= 0 && coordinate < one.axis.size ? 1 : 0;
  if (one.spreads.size() == 1 && one.inside) return number(alive[one.spreads[0].spread]);
  found_.clear();
  add_sums(one, 0, coordinate, 0, alive);
  std::sort(found_.begin(), found_.end());
  found_.erase(std::unique(found_.begin(), found_.end()), found_.end());
  return static_cast<std::int64_t>(found_.size());
}

void FetchedWords::add_sums(const AxisWords& one, std::size_t next, std::int64_t coordinate,
                            std::int64_t wire, const AliveDigits& alive) {
  if (next == one.spreads.size()) {
    if (coordinate >= 0 && coordinate < one.axis.size) found_.emplace_back(wire, coordinate);
    return;
  }
  const AxisSpread& along = one.spreads[next];
  const Spread& spread = shape_.spreads[along.spread];
  const std::int64_t radix = static_cast<std::int64_t>(spread.digits.size());
  for (const std::uint32_t digit : alive[along.spread]) {
    add_sums(one, next + 1, coordinate + along.coefficient * spread.digits[digit].offset,
             spread.multicast ? wire : wire * radix + digit, alive);
  }
}

RegisterWords::RegisterWords(const problem::Problem& problem, const Shape& shape) : shape_(shape) {
  const std::uint32_t moving = problem.tensor(problem::Role::weights).dims();
  for (int d = 0; d < problem.dims(); ++d) {
    if ((moving >> d & 1U) == 0) continue;
    dims_.push_back(d);
    spread_of_.push_back(-1);
    for (std::size_t s = 0; s < shape.spreads.size(); ++s) {
      if (shape.spreads[s].dim == d) spread_of_.back() = static_cast<int>(s);
    }
  }
  std::size_t elements = 1;
  for (std::size_t s = 0; s < shape.spreads.size(); ++s) {
    elements *= shape.spreads[s].digits.size();
    if ((moving >> shape.spreads[s].dim & 1U) == 0) others_.push_back(s);
  }
  held_.assign(elements, Box(dims_.size()));
}

/// What an element holds of a dim, by its digits in all spreads.
Range RegisterWords::cut(std::size_t dim, const Chunks& chunks,
                         const std::vector<std::uint32_t>& digits) const {
  const Range given = chunks[at(dims_[dim])];
  if (spread_of_[dim] < 0) return given;
  const std::size_t s = at(spread_of_[dim]);
  const Digit& digit = shape_.spreads[s].digits[digits[s]];
  return {.first = given.first + digit.offset,
          .size = std::clamp<std::int64_t>(given.size - digit.offset, 0, digit.room)};
}

template <typename Visit>
void RegisterWords::for_each_alive(const AliveDigits& alive, Visit visit) const {
  std::vector<std::size_t> place(alive.size());
  std::vector<std::uint32_t> digits(alive.size());
  while (true) {
    std::size_t element = 0;
    for (std::size_t s = 0; s < alive.size(); ++s) {
      digits[s] = alive[s][place[s]];
      element = element * shape_.spreads[s].digits.size() + digits[s];
    }
    visit(element, digits);
    std::size_t s = alive.size();
    while (s > 0 && ++place[s - 1] == alive[s - 1].size()) place[--s] = 0;
    if (s == 0) return;
  }
}

Load RegisterWords::load(const Chunks& chunks, const AliveDigits& alive, std::uint64_t version,
                         std::int64_t& received) {
  if (last_version_ == version) {
    const Load load = load_alike(chunks, alive, received);
    last_chunks_ = chunks;
    return load;
  }
  if (last_version_ != 0) {
    for_each_alive(last_alive_, [&](std::size_t element, const std::vector<std::uint32_t>& digits) {
      for (std::size_t dim = 0; dim < dims_.size(); ++dim) {
        held_[element][dim] = cut(dim, last_chunks_, digits);
      }
    });
  }
  const Load load = load_each(chunks, alive, received);
  last_version_ = version;
  last_alive_ = alive;
  last_chunks_ = chunks;
  return load;
}

/// The elements at work are those of the fold before. Then the words of all of them are a product
/// over dims, and so are those that stay.
Load RegisterWords::load_alike(const Chunks& chunks, const AliveDigits& alive,
                               std::int64_t& received) const {
  std::int64_t wanted = 1;
  std::int64_t stay = 1;
  std::int64_t most_wanted = 1;
  std::vector<std::uint32_t> digits(shape_.spreads.size());
  for (std::size_t dim = 0; dim < dims_.size(); ++dim) {
    std::int64_t here = 0;
    std::int64_t kept = 0;
    std::int64_t most = 0;
    const auto add = [&] {
      const Range next = cut(dim, chunks, digits);
      here += next.size;
      kept += overlap(next, cut(dim, last_chunks_, digits));
      most = std::max(most, next.size);
    };
    if (spread_of_[dim] < 0) {
      add();
    } else {
      for (const std::uint32_t digit : alive[at(spread_of_[dim])]) {
        digits[at(spread_of_[dim])] = digit;
        add();
      }
    }
    wanted *= here;
    stay *= kept;
    most_wanted *= most;
  }
  std::int64_t copies = 1;
  std::int64_t reads = 1;
  for (const std::size_t s : others_) {
    copies *= number(alive[s]);
    if (!shape_.spreads[s].multicast) reads *= number(alive[s]);
  }
  received = (wanted - stay) * copies;
  return {.words = (wanted - stay) * reads, .per_register = wanted == stay ? 0 : most_wanted};
}

/// Element by element: some were idle, and hold something older.
Load RegisterWords::load_each(const Chunks& chunks, const AliveDigits& alive,
                              std::int64_t& received) {
  /// Elements that one word serves want the same tile, and lack what not all of them hold.
  struct Wire {
    Box wanted;
    Box held_by_all;
  };
  std::map<std::vector<std::uint32_t>, Wire> wires;
  Load load;
  received = 0;
  for_each_alive(alive, [&](std::size_t element, const std::vector<std::uint32_t>& digits) {
    Box next(dims_.size());
    std::int64_t wanted = 1;
    std::int64_t stay = 1;
    for (std::size_t dim = 0; dim < dims_.size(); ++dim) {
      next[dim] = cut(dim, chunks, digits);
      wanted *= next[dim].size;
      stay *= overlap(next[dim], held_[element][dim]);
    }
    received += wanted - stay;
    load.per_register = std::max(load.per_register, wanted - stay);
    std::vector<std::uint32_t> wire = digits;
    for (const std::size_t s : others_) {
      if (shape_.spreads[s].multicast) wire[s] = 0;
    }
    const auto [found, first] = wires.try_emplace(wire, Wire{next, held_[element]});
    if (first) return;
    for (std::size_t dim = 0; dim < dims_.size(); ++dim) {
      Range& common = found->second.held_by_all[dim];
      common = intersection(common, held_[element][dim]);
    }
  });
  for (const auto& [digits, wire] : wires) {
    std::int64_t wanted = 1;
    std::int64_t stay = 1;
    for (std::size_t dim = 0; dim < dims_.size(); ++dim) {
      wanted *= wire.wanted[dim].size;
      stay *= overlap(wire.wanted[dim], wire.held_by_all[dim]);
    }
    load.words += wanted - stay;
  }
  return load;
}

}  // namespace dnnaccel::sim::tree
