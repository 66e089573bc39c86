#include <algorithm>
#include <vector>

#include "base/math.hpp"
#include "cost/axis_sums.hpp"

// A window axis has no closed form in its two chains, so what its sums run over is enumerated: per
// dim, classes of positions at which the instances look alike but for where they stand; per pair of
// classes, the coordinates that count, as intervals. Inside the tensor the positions of a class
// count alike; where padding clips them they are looked at one by one. The cost is that of the
// classes and the edges, not of the extents.

namespace dnnaccel::cost {

namespace {

using base::ceil_div;
using base::chunk;

/// What one instance holds along one dim after and before a step, relative to the position's base.
struct Held {
  std::int64_t now = 0;
  std::int64_t now_length = 0;
  std::int64_t old = 0;
  std::int64_t old_length = 0;
  bool operator==(const Held&) const = default;
};

/// Bases base, base + stride, ..., `count` of them.
struct Progression {
  std::int64_t base = 0;
  std::int64_t stride = 0;
  std::int64_t count = 1;
};

/// Positions at which the working instances hold the same, relative to the base.
struct Class {
  std::vector<Held> instances;
  std::vector<Progression> bases;
};

using Indices = base::SmallVector<std::int64_t, mapping::kMaxLoops>;

class DimEnumeration {
 public:
  DimEnumeration(std::int64_t extent, StepSpan steps, bool with_old)
      : extent_(extent), steps_(steps), with_old_(with_old) {
    for (std::size_t j = 0; j < steps_.size(); ++j) index_.push_back(0);
    choose_summed(0, extent_);
  }

  [[nodiscard]] const std::vector<Class>& classes() const { return classes_; }

 private:
  struct Instance {
    Indices index;  ///< of each spatial step
    Indices need;   ///< extent that must be left before each step for the instance to work
  };

  /// Positions first, first + 1, ..., `count` of them, of one loop.
  struct Range {
    std::int64_t stride = 0;
    std::int64_t count = 1;
  };

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
    const std::int64_t trips = ceil_div(extent, step.tile);
    for (std::int64_t s = 0; s < trips; ++s) {
      index_[j] = s;
      choose_summed(j + 1, chunk(extent, step.tile, s));
    }
    index_[j] = 0;
  }

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
      const std::int64_t trips = ceil_div(extent, step.tile);
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

  /// Visit the positions of the outer and own loops as instance 0 of the united splits runs them,
  /// in ranges over which every instance is given chunks of the same sizes.
  void walk(std::size_t j, std::int64_t extent, std::int64_t start) {
    if (extent == 0) return;
    if (j == steps_.size()) {
      record(start);
      return;
    }
    const Step& step = steps_[j];
    if (spatial(j) || step.part == Part::inner) {
      const std::int64_t k = step.part == Part::summed ? index_[j] : 0;
      walk(j + 1, chunk(extent, step.tile, k), start + k * step.tile);
      return;
    }
    const std::vector<std::int64_t> cuts = cuts_at(j, ceil_div(extent, step.tile));
    for (std::size_t i = 0; i + 1 < cuts.size(); ++i) {
      const std::int64_t k = cuts[i];
      index_[j] = k;
      ranges_.push_back({.stride = step.tile, .count = cuts[i + 1] - k});
      walk(j + 1, chunk(extent, step.tile, k), start + k * step.tile);
      ranges_.pop_back();
    }
    index_[j] = 0;
  }

  /// Where the positions of loop j change character for some instance: its last chunk is shorter,
  /// and past it there is none; of an own loop, the chunk before the position counts too.
  [[nodiscard]] std::vector<std::int64_t> cuts_at(std::size_t j, std::int64_t trips) const {
    const bool own = steps_[j].part == Part::own;
    std::vector<std::int64_t> cuts = {own ? 1 : 0, trips};
    for (const Instance& instance : instances_) {
      std::int64_t extent = extent_;
      for (std::size_t i = 0; i < j; ++i) {
        const std::int64_t k = spatial(i) ? instance.index[i] : index_[i];
        extent = chunk(extent, steps_[i].tile, k);
      }
      const std::int64_t full = extent / steps_[j].tile;
      for (std::int64_t cut : {full, full + 1, own ? full + 2 : full}) {
        if (cut > cuts[0] && cut < trips) cuts.push_back(cut);
      }
    }
    std::sort(cuts.begin(), cuts.end());
    cuts.erase(std::unique(cuts.begin(), cuts.end()), cuts.end());
    return cuts;
  }

  void record(std::int64_t base) {
    scratch_.clear();
    for (const Instance& instance : instances_) {
      Held held = follow(instance);
      if (held.now_length == 0) continue;  // idle: needs nothing, and what it holds serves nobody
      held.now -= base;
      if (with_old_) held.old -= base;
      scratch_.push_back(held);
    }
    if (scratch_.empty()) return;
    auto found = std::find_if(classes_.begin(), classes_.end(),
                              [&](const Class& one) { return one.instances == scratch_; });
    if (found == classes_.end()) {
      classes_.push_back({.instances = scratch_, .bases = {}});
      found = classes_.end() - 1;
    }
    add_bases(base, found->bases);
  }

  /// All bases of the ranges at hand, innermost first; ranges that continue one another are one
  /// progression.
  void add_bases(std::int64_t base, std::vector<Progression>& out) const {
    const std::size_t first = out.size();
    out.push_back({.base = base, .stride = 0, .count = 1});
    for (std::size_t i = ranges_.size(); i-- > 0;) {
      const Range range = ranges_[i];
      if (range.count == 1) continue;
      const std::size_t known = out.size();
      for (std::size_t p = first; p < known; ++p) {
        if (out[p].count == 1) {
          out[p].stride = range.stride;
          out[p].count = range.count;
        } else if (out[p].stride * out[p].count == range.stride) {
          out[p].count *= range.count;
        } else {
          const Progression inner = out[p];
          for (std::int64_t k = 1; k < range.count; ++k) {
            out.push_back({inner.base + k * range.stride, inner.stride, inner.count});
          }
        }
      }
    }
  }

  [[nodiscard]] Held follow(const Instance& instance) const {
    Held held{.now = 0, .now_length = extent_, .old = 0, .old_length = extent_};
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
        k_old = std::max<std::int64_t>(0, (held.old_length - need) / step.tile);
      }
      held.now += k * step.tile;
      held.now_length = chunk(held.now_length, step.tile, k);
      held.old += k_old * step.tile;
      held.old_length = chunk(held.old_length, step.tile, k_old);
    }
    if (!with_old_) held.old = held.old_length = 0;
    return held;
  }

  std::int64_t extent_;
  StepSpan steps_;
  bool with_old_;
  Indices index_;
  base::SmallVector<Range, mapping::kMaxLoops> ranges_;
  std::vector<Instance> instances_;
  std::vector<Held> scratch_;
  std::vector<Class> classes_;
};

/// Coordinates first ... last.
struct Interval {
  std::int64_t first = 0;
  std::int64_t last = -1;
};

/// A set of coordinates as disjoint intervals, ascending, with how many stand before each.
class CoordinateSet {
 public:
  CoordinateSet() = default;

  /// The union of intervals in any order.
  explicit CoordinateSet(std::vector<Interval> parts) {
    std::sort(parts.begin(), parts.end(),
              [](const Interval& a, const Interval& b) { return a.first < b.first; });
    for (const Interval& part : parts) {
      if (part.last < part.first) continue;
      if (!parts_.empty() && part.first <= parts_.back().last + 1) {
        parts_.back().last = std::max(parts_.back().last, part.last);
      } else {
        parts_.push_back(part);
      }
    }
  }

  [[nodiscard]] bool empty() const { return parts_.empty(); }
  [[nodiscard]] std::int64_t low() const { return parts_.front().first; }
  [[nodiscard]] std::int64_t high() const { return parts_.back().last; }
  [[nodiscard]] const std::vector<Interval>& parts() const { return parts_; }

  [[nodiscard]] std::uint64_t within(std::int64_t from, std::int64_t to) const {
    std::uint64_t count = 0;
    for (const Interval& part : parts_) {
      const std::int64_t first = std::max(part.first, from);
      const std::int64_t last = std::min(part.last, to);
      if (first <= last) count += static_cast<std::uint64_t>(last - first + 1);
    }
    return count;
  }

  /// This set less another.
  [[nodiscard]] CoordinateSet minus(const CoordinateSet& other) const {
    CoordinateSet out;
    std::size_t i = 0;
    for (Interval part : parts_) {
      while (i < other.parts_.size() && other.parts_[i].last < part.first) ++i;
      for (std::size_t j = i; j < other.parts_.size() && other.parts_[j].first <= part.last; ++j) {
        if (other.parts_[j].first > part.first) {
          out.parts_.push_back({part.first, other.parts_[j].first - 1});
        }
        part.first = std::max(part.first, other.parts_[j].last + 1);
      }
      if (part.first <= part.last) out.parts_.push_back(part);
    }
    return out;
  }

 private:
  std::vector<Interval> parts_;
};

/// Add the coordinates {p * coefficient + r * coefficient} of two spans.
void add_window(const Window& window, std::int64_t p, std::int64_t p_length, std::int64_t r,
                std::int64_t r_length, std::vector<Interval>& out) {
  if (p_length == 0 || r_length == 0) return;
  // Lay the dim of finer coefficient inside: each step of the other one adds a run of it.
  std::int64_t fine = window.coefficient[0];
  std::int64_t coarse = window.coefficient[1];
  std::int64_t fine_length = p_length;
  std::int64_t coarse_length = r_length;
  if (fine > coarse || (fine == coarse && p_length < r_length)) {
    std::swap(fine, coarse);
    std::swap(fine_length, coarse_length);
  }
  const std::int64_t origin = p * window.coefficient[0] + r * window.coefficient[1];
  const std::int64_t run = (fine_length - 1) * fine;
  if (fine == 1 && (coarse_length == 1 || coarse <= fine_length)) {
    out.push_back({origin, origin + run + (coarse_length - 1) * coarse});
    return;
  }
  for (std::int64_t i = 0; i < coarse_length; ++i) {
    const std::int64_t first = origin + i * coarse;
    if (fine == 1) {
      out.push_back({first, first + run});
      continue;
    }
    for (std::int64_t k = 0; k < fine_length; ++k) {
      out.push_back({first + k * fine, first + k * fine});
    }
  }
}

/// The coordinates that a pair of classes counts, relative to their bases.
CoordinateSet counted(const Window& window, WindowSum what, const Class& cp, const Class& cr) {
  std::vector<Interval> needed;
  std::vector<Interval> held;
  std::vector<Interval> lacking;
  for (const Held& p : cp.instances) {
    for (const Held& r : cr.instances) {
      if (what != WindowSum::kept) {
        add_window(window, p.now, p.now_length, r.now, r.now_length, needed);
        if (what == WindowSum::forwarded) {
          add_window(window, p.old, p.old_length, r.old, r.old_length, held);
        }
        continue;
      }
      std::vector<Interval> now;
      std::vector<Interval> old;
      add_window(window, p.now, p.now_length, r.now, r.now_length, now);
      add_window(window, p.old, p.old_length, r.old, r.old_length, old);
      needed.insert(needed.end(), now.begin(), now.end());
      const CoordinateSet missing =
          CoordinateSet(std::move(now)).minus(CoordinateSet(std::move(old)));
      lacking.insert(lacking.end(), missing.parts().begin(), missing.parts().end());
    }
  }
  CoordinateSet all(std::move(needed));
  if (what == WindowSum::kept) return all.minus(CoordinateSet(std::move(lacking)));
  if (what == WindowSum::forwarded) return all.minus(all.minus(CoordinateSet(std::move(held))));
  return all;
}

class Summation {
 public:
  Summation(const Window& window, WindowSum what) : window_(window), what_(what) {}

  void add(const CoordinateSet& set, const Progression& p, const Progression& r) {
    // Step through the shorter progression, and sum along the longer one.
    const bool along_p = p.count >= r.count;
    const Progression& inner = along_p ? p : r;
    const Progression& outer = along_p ? r : p;
    const std::int64_t inner_factor = window_.coefficient[along_p ? 0 : 1];
    const std::int64_t outer_factor = window_.coefficient[along_p ? 1 : 0];
    for (std::int64_t k = 0; k < outer.count; ++k) {
      const std::int64_t origin = inner.base * inner_factor +
                                  (outer.base + k * outer.stride) * outer_factor + window_.offset;
      along(set, origin, inner.stride * inner_factor, inner.count);
    }
  }

  [[nodiscard]] std::uint64_t total() const { return total_; }

 private:
  void along(const CoordinateSet& set, std::int64_t origin, std::int64_t stride,
             std::int64_t count) {
    // Positions k at which the whole set lies inside the tensor are first ... last.
    std::int64_t first = 0;
    std::int64_t last = count - 1;
    if (stride > 0) {
      first = std::max(first, ceil_towards(-(origin + set.low()), stride));
      last = std::min(last, floor_towards(window_.size - 1 - set.high() - origin, stride));
    } else if (origin + set.low() < 0 || origin + set.high() >= window_.size) {
      last = -1;
    }
    if (first <= last) put(set.within(set.low(), set.high()), last - first + 1);
    const auto clipped = [&](std::int64_t k) {
      const std::int64_t at = origin + k * stride;
      if (at + set.high() < 0 || at + set.low() >= window_.size) return false;
      put(set.within(-at, window_.size - 1 - at), 1);
      return true;
    };
    // Outwards from the inside until nothing is left; with no inside, from where it would be.
    const std::int64_t low = first <= last ? first : std::clamp<std::int64_t>(first, 0, count);
    const std::int64_t high = first <= last ? last : low - 1;
    for (std::int64_t k = low; k-- > 0;) {
      if (!clipped(k)) break;
    }
    for (std::int64_t k = high + 1; k < count; ++k) {
      if (!clipped(k)) break;
    }
  }

  static std::int64_t floor_towards(std::int64_t a, std::int64_t b) {
    return a >= 0 ? a / b : -ceil_div(-a, b);
  }
  static std::int64_t ceil_towards(std::int64_t a, std::int64_t b) {
    return a >= 0 ? ceil_div(a, b) : -((-a) / b);
  }

  void put(std::uint64_t words, std::int64_t times) {
    total_ = what_ == WindowSum::largest ? std::max(total_, words)
                                         : total_ + words * static_cast<std::uint64_t>(times);
  }

  Window window_;
  WindowSum what_;
  std::uint64_t total_ = 0;
};

}  // namespace

std::uint64_t window_sum(const Window& window, WindowSum what, std::int64_t extent_p,
                         StepSpan steps_p, std::int64_t extent_r, StepSpan steps_r) {
  const bool with_old = what == WindowSum::kept || what == WindowSum::forwarded;
  const DimEnumeration along_p(extent_p, steps_p, with_old);
  const DimEnumeration along_r(extent_r, steps_r, with_old);
  Summation sum(window, what);
  for (const Class& cp : along_p.classes()) {
    for (const Class& cr : along_r.classes()) {
      const CoordinateSet set = counted(window, what, cp, cr);
      if (set.empty()) continue;
      for (const Progression& p : cp.bases) {
        for (const Progression& r : cr.bases) sum.add(set, p, r);
      }
    }
  }
  return sum.total();
}

}  // namespace dnnaccel::cost
