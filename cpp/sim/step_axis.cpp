#include "sim/step_axis.hpp"

#include <array>
#include <bit>
#include <stdexcept>
#include <string>
#include <utility>

namespace dnnaccel::sim::stepping {

using mapping::NestLoop;

namespace {

constexpr std::size_t at(int i) { return static_cast<std::size_t>(i); }

/// Coordinates of one axis, as bits.
class Coordinates {
 public:
  explicit Coordinates(std::int64_t size) : words_(static_cast<std::size_t>(size + 63) / 64) {}

  void clear() { std::fill(words_.begin(), words_.end(), 0); }
  void set(std::int64_t i) {
    words_[static_cast<std::size_t>(i) / 64] |= 1ULL << (static_cast<std::size_t>(i) % 64);
  }
  void unite(const Coordinates& other) {
    for (std::size_t i = 0; i < words_.size(); ++i) words_[i] |= other.words_[i];
  }
  /// Add what is in `a` and not in `b`.
  void unite_difference(const Coordinates& a, const Coordinates& b) {
    for (std::size_t i = 0; i < words_.size(); ++i) words_[i] |= a.words_[i] & ~b.words_[i];
  }
  [[nodiscard]] std::uint64_t count() const {
    std::uint64_t n = 0;
    for (std::uint64_t word : words_) n += static_cast<std::uint64_t>(std::popcount(word));
    return n;
  }
  [[nodiscard]] std::uint64_t count_and(const Coordinates& other) const {
    std::uint64_t n = 0;
    for (std::size_t i = 0; i < words_.size(); ++i) {
      n += static_cast<std::uint64_t>(std::popcount(words_[i] & other.words_[i]));
    }
    return n;
  }

 private:
  std::vector<std::uint64_t> words_;
};

/// Makes the table of one axis: enumerates its positions and the instances at each.
class AxisBuilder {
 public:
  using Table = StepWords::AxisTable;
  using Question = StepWords::Question;

  /// `axis` is null for a dim that the tensor lacks.
  AxisBuilder(const problem::Problem& problem, const mapping::Nest& nest,
              const cost::Keepers& keepers, const Question& question, const problem::Axis* axis,
              const std::vector<int>& dims)
      : nest_(nest), keepers_(keepers), question_(question), axis_(axis) {
    for (int dim : dims) chains_.emplace_back(problem, nest, dim, question.child_above);
    for (int l = 0; l < question.child_above; ++l) {
      const NestLoop& loop = nest.loops[at(l)];
      if (std::find(dims.begin(), dims.end(), loop.dim) == dims.end()) continue;
      (loop.spatial ? spatial_ : temporal_).push_back(l);
    }
    if (chains_.size() > 1) {
      std::int64_t end = axis->offset + 1;
      for (const problem::Term& term : axis->terms) {
        end += term.coefficient * (problem.bounds[at(term.dim)] - 1);
      }
      for (Coordinates* set : {&one_, &before_, &now_, &then_, &lacked_}) {
        *set = Coordinates(std::clamp<std::int64_t>(end, 1, axis->size));
      }
    }
  }

  Table build() {
    Table table;
    std::size_t positions = 1;
    std::size_t outer = 1;
    std::size_t inner = 1;
    for (std::size_t i = temporal_.size(); i-- > 0;) {
      const NestLoop& loop = nest_.loops[at(temporal_[i])];
      const auto trips = static_cast<std::size_t>(base::ceil_div(loop.extent, loop.tile));
      positions *= trips;
      check_tiles(positions);
      if (temporal_[i] < question_.stepped) {
        table.places.push_back({.loop = temporal_[i], .stride = outer});
        outer *= trips;
      } else {
        inner *= trips;
      }
    }
    const std::size_t links = question_.links.size();
    table.held.assign(links, std::vector<std::uint64_t>(outer));
    table.largest = 0;
    Digits digits{};
    for (std::size_t position = 0; position < positions; ++position) {
      // Compute takes all that lies inside; tiles move at the start of what does not move them.
      const bool start = position % inner == 0;
      const bool counts = keepers_.compute && !(question_.first_only && axis_ == nullptr);
      if (visited(digits) && (start || counts)) {
        for (std::size_t link = 0; link < links; ++link) {
          table.held[link][position / inner] += held(digits, question_.links[link]);
        }
        largest(digits, table.largest);
      }
      advance(temporal_, nest_, digits);
    }
    if (!keepers_.compute) add_kept(table, positions, inner);
    return table;
  }

 private:
  /// Lockstep goes where the first instance works.
  [[nodiscard]] bool visited(const Digits& digits) const {
    return std::all_of(chains_.begin(), chains_.end(),
                       [&](const Chain& chain) { return chain.span(digits).size > 0; });
  }

  /// A step of a loop is seen by how many of the axis' loops stand outside it, and whether it is
  /// one of them.
  void add_kept(Table& table, std::size_t positions, std::size_t inner) {
    table.way.assign(at(question_.child_above), 0);
    std::vector<std::pair<std::size_t, bool>> ways;
    for (int l = 0; l < std::min(question_.child_above, question_.stepped); ++l) {
      if (nest_.loops[at(l)].spatial) continue;
      const auto place = std::lower_bound(temporal_.begin(), temporal_.end(), l);
      const auto outside = static_cast<std::size_t>(place - temporal_.begin());
      const bool own = place != temporal_.end() && *place == l;
      if (ways.empty() || ways.back() != std::pair(outside, own)) {
        ways.emplace_back(outside, own);
        table.kept.push_back(kept(positions, inner, l, outside + (own ? 1 : 0), own));
      }
      table.way[at(l)] = static_cast<int>(ways.size()) - 1;
    }
  }

  std::vector<std::vector<std::uint64_t>> kept(std::size_t positions, std::size_t inner,
                                               int stepping, std::size_t moving, bool own) {
    std::vector<std::vector<std::uint64_t>> out(question_.links.size(),
                                                std::vector<std::uint64_t>(positions / inner));
    std::size_t stride = 1;
    for (std::size_t i = moving; i < temporal_.size(); ++i) {
      const NestLoop& loop = nest_.loops[at(temporal_[i])];
      stride *= static_cast<std::size_t>(base::ceil_div(loop.extent, loop.tile));
    }
    const std::vector<int> outer(temporal_.begin(),
                                 temporal_.begin() + static_cast<std::ptrdiff_t>(moving));
    Digits digits{};
    for (std::size_t position = 0; position < positions; position += stride) {
      if (visited(digits) && !(own && digits[at(stepping)] == 0)) {
        for (std::size_t link = 0; link < question_.links.size(); ++link) {
          out[link][position / inner] = kept_words(digits, stepping, own, question_.links[link]);
        }
      }
      advance(outer, nest_, digits);
    }
    return out;
  }

  /// Call `each(digits)` for all instances along the given spatial loops.
  template <typename Each>
  void instances(const std::vector<int>& loops, Digits& digits, const Each& each) const {
    do {
      each(digits);
    } while (advance(loops, nest_, digits));
  }

  void split(Unite unite, std::vector<int>& united, std::vector<int>& summed) const {
    united.clear();
    summed.clear();
    for (int l : spatial_) ((unite >> l & 1U) != 0 ? united : summed).push_back(l);
  }

  [[nodiscard]] std::uint64_t held(Digits digits, Unite unite) {
    split(unite, united_, summed_);
    std::uint64_t words = 0;
    instances(summed_, digits, [&](Digits& here) {
      if (chains_.size() > 1) {
        now_.clear();
        instances(united_, here, [&](Digits& each) { mark(each, now_); });
        words += now_.count();
      } else if (axis_ == nullptr) {
        words += chains_[0].span(here).size > 0 ? 1 : 0;  // of those united the first is fullest
      } else {
        // Chunks of one dim do not overlap: together they are as many words as one by one.
        instances(united_, here, [&](Digits& each) { words += size(clipped(each)); });
      }
    });
    return words;
  }

  [[nodiscard]] std::uint64_t kept_words(Digits digits, int stepping, bool own, Unite unite) {
    if (axis_ == nullptr) return held(digits, unite);
    split(unite, united_, summed_);
    std::uint64_t words = 0;
    instances(summed_, digits, [&](Digits& here) {
      if (keepers_.role == problem::Role::outputs) {
        if (own) return;
        instances(united_, here, [&](Digits& each) {
          if (stays(each, stepping)) words += size(clipped(each));
        });
      } else if (chains_.size() > 1) {
        words += window_kept(here, stepping, own);
      } else if (keepers_.forwards) {
        words += forwarded(here, stepping, own);
      } else {
        instances(united_, here, [&](Digits& each) {
          words += size(intersect(clipped(each), clipped(before(each, stepping, own))));
        });
      }
    });
    return words;
  }

  /// Where the instance worked last before the step.
  [[nodiscard]] Digits before(Digits digits, int stepping, bool own) const {
    if (own) --digits[at(stepping)];
    for (const Chain& chain : chains_) chain.rewind(stepping, question_.child_above, digits);
    return digits;
  }

  [[nodiscard]] std::uint64_t forwarded(Digits& here, int stepping, bool own) {
    std::vector<Span> now;
    std::vector<Span> then;
    instances(united_, here, [&](Digits& each) {
      const Span wanted = clipped(each);
      if (wanted.size == 0) return;
      now.push_back(wanted);
      then.push_back(clipped(before(each, stepping, own)));
    });
    std::uint64_t words = 0;
    for (const Span& a : now) {
      for (const Span& b : then) words += size(intersect(a, b));
    }
    return words;
  }

  [[nodiscard]] std::uint64_t window_kept(Digits& here, int stepping, bool own) {
    now_.clear();
    then_.clear();
    lacked_.clear();
    instances(united_, here, [&](Digits& each) {
      one_.clear();
      if (!mark(each, one_)) return;
      before_.clear();
      mark(before(each, stepping, own), before_);
      now_.unite(one_);
      then_.unite(before_);
      lacked_.unite_difference(one_, before_);
    });
    // A word is not sent if all who want it have it, or, among siblings that pass it on, anyone.
    return keepers_.forwards ? now_.count_and(then_) : now_.count() - lacked_.count();
  }

  /// Whether an instance of the child, and each of those that it is in, stays on its outputs.
  [[nodiscard]] bool stays(const Digits& digits, int stepping) const {
    const Chain& chain = chains_[0];
    for (int above : question_.output_keepers) {
      Digits last = digits;
      chain.rewind(stepping, above, last);
      for (int l : chain.loops()) {
        if (l > stepping && l < above && !nest_.loops[at(l)].spatial && last[at(l)] != 0) {
          return false;
        }
      }
    }
    return true;
  }

  void largest(const Digits& position, std::uint64_t& most) {
    Digits digits = position;
    if (axis_ == nullptr) {
      most = 1;
      return;
    }
    instances(spatial_, digits, [&](Digits& each) {
      if (chains_.size() > 1) {
        one_.clear();
        mark(each, one_);
        most = std::max(most, one_.count());
      } else {
        most = std::max(most, size(clipped(each)));
      }
    });
  }

  static std::uint64_t size(Span span) { return static_cast<std::uint64_t>(span.size); }

  /// Indices of a plain axis that are no padding.
  [[nodiscard]] Span clipped(const Digits& digits) const {
    const Span span = chains_[0].span(digits);
    const std::int64_t step = axis_->terms[0].coefficient;
    // offset + step * i >= 0 and < size
    const std::int64_t low = axis_->offset >= 0 ? 0 : base::ceil_div(-axis_->offset, step);
    const std::int64_t room = axis_->size - axis_->offset;
    const std::int64_t high = room <= 0 ? 0 : base::ceil_div(room, step);
    return intersect(span, {.first = low, .size = std::max<std::int64_t>(0, high - low)});
  }

  /// Mark what an instance touches on a window axis; false if it has nothing to do.
  bool mark(const Digits& digits, Coordinates& set) const {
    std::array<Span, 2> spans;
    for (std::size_t i = 0; i < 2; ++i) {
      spans[i] = chains_[i].span(digits);
      if (spans[i].size == 0) return false;
    }
    const auto& terms = axis_->terms;
    for (std::int64_t i = spans[0].first; i < spans[0].first + spans[0].size; ++i) {
      for (std::int64_t j = spans[1].first; j < spans[1].first + spans[1].size; ++j) {
        const std::int64_t x = axis_->offset + terms[0].coefficient * i + terms[1].coefficient * j;
        if (x >= 0 && x < axis_->size) set.set(x);
      }
    }
    return true;
  }

  const mapping::Nest& nest_;
  const cost::Keepers& keepers_;
  const Question& question_;
  const problem::Axis* axis_;
  std::vector<Chain> chains_;
  std::vector<int> temporal_;
  std::vector<int> spatial_;
  std::vector<int> united_;
  std::vector<int> summed_;
  Coordinates one_{0};
  Coordinates before_{0};
  Coordinates now_{0};
  Coordinates then_{0};
  Coordinates lacked_{0};
};

}  // namespace

void check_tiles(std::size_t tiles) {
  if (tiles <= kMaxTiles) return;
  throw std::invalid_argument("a simulation steps through at most " + std::to_string(kMaxTiles) +
                              " tiles of a dim, and of a window's dims together; larger tiles, or "
                              "the closed form, will do");
}

bool advance(const std::vector<int>& loops, const mapping::Nest& nest, Digits& digits) {
  for (std::size_t i = loops.size(); i-- > 0;) {
    const NestLoop& loop = nest.loops[at(loops[i])];
    if (++digits[at(loops[i])] < base::ceil_div(loop.extent, loop.tile)) return true;
    digits[at(loops[i])] = 0;
  }
  return false;
}

StepWords::AxisTable axis_table(const problem::Problem& problem, const mapping::Nest& nest,
                                const cost::Keepers& keepers, const StepWords::Question& question,
                                const problem::Axis* axis, const std::vector<int>& dims) {
  return AxisBuilder(problem, nest, keepers, question, axis, dims).build();
}

}  // namespace dnnaccel::sim::stepping
