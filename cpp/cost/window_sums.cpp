#include <algorithm>
#include <vector>

#include "base/math.hpp"
#include "cost/axis_sums.hpp"

// A window axis has no closed form in its two chains, so it is enumerated: per dim, the positions
// and instances that a sum runs over; per pair of dims, the sets they make. Positions that look
// alike but for where they stand are enumerated once, as groups: inside the tensor they count
// alike, and where padding clips them a prefix sum answers.

namespace dnnaccel::cost {

namespace {

using base::chunk;

/// What one instance holds along one dim after and before a step, relative to the position's base.
struct Held {
  std::int64_t now = 0;
  std::int64_t now_length = 0;
  std::int64_t old = 0;
  std::int64_t old_length = 0;
  bool operator==(const Held&) const = default;
};

struct Group {
  std::vector<Held> instances;
  std::vector<std::int64_t> bases;
};

using Indices = base::SmallVector<std::int64_t, mapping::kMaxLoops>;

class DimEnumeration {
 public:
  DimEnumeration(std::int64_t extent, StepSpan steps, bool with_old)
      : extent_(extent), steps_(steps), with_old_(with_old) {
    for (std::size_t j = 0; j < steps_.size(); ++j) index_.push_back(0);
    choose_summed(0, extent_);
  }

  [[nodiscard]] const std::vector<Group>& groups() const { return groups_; }

 private:
  [[nodiscard]] bool spatial(std::size_t j) const {
    return steps_[j].part == Part::summed || steps_[j].part == Part::united;
  }

  /// Fix the index of every summed split; `extent` is the first position's, instance 0 of the
  /// united splits.
  void choose_summed(std::size_t j, std::int64_t extent) {
    if (extent == 0) return;
    if (j == steps_.size()) {
      instances_.clear();
      Indices united = index_;
      choose_united(0, extent_, united);
      walk(0, extent_, 0);
      return;
    }
    const Step& step = steps_[j];
    if (step.part != Part::summed) {
      choose_summed(j + 1, std::min(extent, step.tile));
      return;
    }
    const std::int64_t trips = base::ceil_div(extent, step.tile);
    for (std::int64_t s = 0; s < trips; ++s) {
      index_[j] = s;
      choose_summed(j + 1, chunk(extent, step.tile, s));
    }
    index_[j] = 0;
  }

  struct Instance {
    Indices index;  ///< of each spatial step
    Indices need;   ///< extent that must be left before each step for the instance to work
  };

  void choose_united(std::size_t j, std::int64_t extent, Indices& index) {
    if (extent == 0) return;
    if (j == steps_.size()) {
      Instance instance{.index = index, .need = index};
      std::int64_t need = 1;
      for (std::size_t i = steps_.size(); i-- > 0;) {
        if (spatial(i)) need += index[i] * steps_[i].tile;
        instance.need[i] = need;
      }
      instances_.push_back(instance);
      return;
    }
    const Step& step = steps_[j];
    if (step.part == Part::united) {
      const std::int64_t trips = base::ceil_div(extent, step.tile);
      for (std::int64_t s = 0; s < trips; ++s) {
        index[j] = s;
        choose_united(j + 1, chunk(extent, step.tile, s), index);
      }
      index[j] = 0;
    } else if (step.part == Part::summed) {
      choose_united(j + 1, chunk(extent, step.tile, index[j]), index);
    } else {
      choose_united(j + 1, std::min(extent, step.tile), index);
    }
  }

  /// Visit the positions of the outer and own loops as instance 0 of the united splits runs them.
  void walk(std::size_t j, std::int64_t extent, std::int64_t start) {
    if (extent == 0) return;
    if (j == steps_.size()) {
      record(start);
      return;
    }
    const Step& step = steps_[j];
    if (step.part == Part::outer || step.part == Part::own) {
      const std::int64_t trips = base::ceil_div(extent, step.tile);
      for (std::int64_t k = step.part == Part::own ? 1 : 0; k < trips; ++k) {
        index_[j] = k;
        walk(j + 1, chunk(extent, step.tile, k), start + k * step.tile);
      }
      index_[j] = 0;
    } else {
      const std::int64_t k = step.part == Part::summed ? index_[j] : 0;
      walk(j + 1, chunk(extent, step.tile, k), start + k * step.tile);
    }
  }

  void record(std::int64_t base) {
    scratch_.clear();
    for (const Instance& instance : instances_) {
      Held held = follow(instance);
      if (held.now_length == 0) continue;  // idle: needs nothing, and what it holds serves nobody
      held.now -= base;
      held.old -= base;
      scratch_.push_back(held);
    }
    for (auto group = groups_.rbegin(); group != groups_.rend(); ++group) {
      if (group->instances == scratch_) {
        group->bases.push_back(base);
        return;
      }
    }
    groups_.push_back({.instances = scratch_, .bases = {base}});
  }

  [[nodiscard]] Held follow(const Instance& instance) const {
    std::int64_t now = 0;
    std::int64_t now_length = extent_;
    std::int64_t old = 0;
    std::int64_t old_length = extent_;
    for (std::size_t j = 0; j < steps_.size(); ++j) {
      const Step& step = steps_[j];
      std::int64_t k = index_[j];
      std::int64_t k_old = k;
      if (spatial(j)) {
        k = k_old = instance.index[j];
      } else if (step.part == Part::own) {
        k_old = k - 1;
      } else if (step.part == Part::inner) {
        k = 0;
        // The last position at which this instance works: the furthest that leaves what its later
        // splits need.
        const std::int64_t need = j + 1 < steps_.size() ? instance.need[j + 1] : 1;
        k_old = std::max<std::int64_t>(0, (old_length - need) / step.tile);
      }
      now += k * step.tile;
      now_length = chunk(now_length, step.tile, k);
      old += k_old * step.tile;
      old_length = chunk(old_length, step.tile, k_old);
    }
    if (!with_old_) return {.now = now, .now_length = now_length};
    return {.now = now, .now_length = now_length, .old = old, .old_length = old_length};
  }

  std::int64_t extent_;
  StepSpan steps_;
  bool with_old_;
  Indices index_;
  std::vector<Instance> instances_;
  std::vector<Held> scratch_;
  std::vector<Group> groups_;
};

/// The coordinates that a pair of groups counts, relative to their bases, as prefix sums over [low,
/// high].
struct Coordinates {
  std::int64_t low = 0;
  std::int64_t high = -1;
  std::vector<std::uint32_t> prefix;  ///< prefix[i] counts coordinates below low + i

  [[nodiscard]] std::uint64_t within(std::int64_t from, std::int64_t to) const {
    from = std::max(from, low);
    to = std::min(to, high);
    if (from > to) return 0;
    return prefix[static_cast<std::size_t>(to + 1 - low)] -
           prefix[static_cast<std::size_t>(from - low)];
  }
};

template <typename Mark>
void for_each_coordinate(const Window& window, std::int64_t p, std::int64_t p_length,
                         std::int64_t r, std::int64_t r_length, Mark mark) {
  for (std::int64_t i = 0; i < p_length; ++i) {
    const std::int64_t row = (p + i) * window.coefficient[0] + r * window.coefficient[1];
    for (std::int64_t k = 0; k < r_length; ++k) mark(row + k * window.coefficient[1]);
  }
}

/// Marks of coordinates by instance number: a coordinate is held by an instance if it carries its
/// number.
class Marks {
 public:
  Marks(std::int64_t low, std::int64_t high)
      : low_(low), high_(high), mark_(static_cast<std::size_t>(high - low + 1), 0) {}
  void set(std::int64_t x, std::uint32_t number) {
    if (x >= low_ && x <= high_) mark_[static_cast<std::size_t>(x - low_)] = number;
  }
  [[nodiscard]] std::uint32_t get(std::int64_t x) const {
    return mark_[static_cast<std::size_t>(x - low_)];
  }

 private:
  std::int64_t low_;
  std::int64_t high_;
  std::vector<std::uint32_t> mark_;
};

Coordinates coordinates_of(const Window& window, WindowSum what, const Group& gp, const Group& gr) {
  Coordinates out;
  if (gp.instances.empty() || gr.instances.empty()) return out;
  const auto span_of = [](const Group& group, std::int64_t& first, std::int64_t& last) {
    first = group.instances.front().now;
    last = first;
    for (const Held& held : group.instances) {
      first = std::min(first, held.now);
      last = std::max(last, held.now + held.now_length - 1);
    }
  };
  std::int64_t p_first, p_last, r_first, r_last;
  span_of(gp, p_first, p_last);
  span_of(gr, r_first, r_last);
  out.low = p_first * window.coefficient[0] + r_first * window.coefficient[1];
  out.high = p_last * window.coefficient[0] + r_last * window.coefficient[1];

  Marks needed(out.low, out.high);
  Marks old(out.low, out.high);
  Marks lacking(out.low, out.high);
  std::uint32_t number = 0;
  for (const Held& p : gp.instances) {
    for (const Held& r : gr.instances) {
      ++number;
      if (what == WindowSum::kept || what == WindowSum::forwarded) {
        for_each_coordinate(window, p.old, p.old_length, r.old, r.old_length,
                            [&](std::int64_t x) { old.set(x, number); });
      }
      for_each_coordinate(window, p.now, p.now_length, r.now, r.now_length, [&](std::int64_t x) {
        needed.set(x, 1);
        if (old.get(x) != number) lacking.set(x, 1);
      });
    }
  }
  out.prefix.assign(static_cast<std::size_t>(out.high - out.low + 2), 0);
  for (std::int64_t x = out.low; x <= out.high; ++x) {
    bool counts = needed.get(x) != 0;
    if (what == WindowSum::kept) counts = counts && lacking.get(x) == 0;
    if (what == WindowSum::forwarded) counts = counts && old.get(x) != 0;
    const auto i = static_cast<std::size_t>(x - out.low);
    out.prefix[i + 1] = out.prefix[i] + (counts ? 1 : 0);
  }
  return out;
}

}  // namespace

std::uint64_t window_sum(const Window& window, WindowSum what, std::int64_t extent_p,
                         StepSpan steps_p, std::int64_t extent_r, StepSpan steps_r) {
  const bool with_old = what == WindowSum::kept || what == WindowSum::forwarded;
  const DimEnumeration along_p(extent_p, steps_p, with_old);
  const DimEnumeration along_r(extent_r, steps_r, with_old);
  std::uint64_t sum = 0;
  for (const Group& gp : along_p.groups()) {
    for (const Group& gr : along_r.groups()) {
      const Coordinates coordinates = coordinates_of(window, what, gp, gr);
      if (coordinates.prefix.empty() || coordinates.prefix.back() == 0) continue;
      for (std::int64_t p : gp.bases) {
        for (std::int64_t r : gr.bases) {
          const std::int64_t origin =
              p * window.coefficient[0] + r * window.coefficient[1] + window.offset;
          const std::uint64_t words = coordinates.within(-origin, window.size - 1 - origin);
          sum = what == WindowSum::largest ? std::max(sum, words) : sum + words;
        }
      }
    }
  }
  return sum;
}

}  // namespace dnnaccel::cost
