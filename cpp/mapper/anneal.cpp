#include <algorithm>
#include <array>
#include <cmath>

#include "base/math.hpp"
#include "mapper/candidate.hpp"

namespace dnnaccel::mapper {

namespace {

constexpr std::size_t at(int i) { return static_cast<std::size_t>(i); }

// Relative worsening that is accepted with probability 1/e, at the first and at the last proposal.
constexpr double kHot = 0.3;
constexpr double kCold = 0.002;

// Weight of what breaks ties, by start: the first drifts along plateaus of what is minimised, the
// others are led over its ridges by the smoother second figure. The best is judged by the objective
// alone.
constexpr std::array<double, 4> kTieWeights = {0.002, 0.02, 0.1, 0.4};

constexpr int kStartCandidates = 48;
constexpr int kSpreadAttempts = 24;

class Annealer {
 public:
  Annealer(const problem::Problem& problem, const mapping::Layout& layout, Judge& judge,
           std::uint64_t seed)
      : problem_(problem),
        layout_(layout),
        judge_(judge),
        random_(seed),
        tie_weight_(kTieWeights[seed % kTieWeights.size()]) {
    for (int d = 0; d < problem_.dims(); ++d) {
      if (layout_.slots_of(d).size() > 1) splittable_.push_back(d);
    }
    for (int s = 0; s < static_cast<int>(layout_.slots().size()); ++s) {
      (layout_.slots()[at(s)].spatial ? spatial_ : temporal_).push_back(s);
    }
  }

  void run(int proposals, const std::atomic<bool>& stop) {
    current_ = start();
    Score score = judge_.judge(current_);
    if (!score.fits()) return;
    Candidate best = current_;
    Score best_score = score;
    Candidate proposal = current_;
    for (int i = 0; i < proposals; ++i) {
      if (stop.load(std::memory_order_relaxed)) return;
      // From the middle on, go on from the best found: late proposals are for polishing it.
      if (i == proposals / 2) {
        current_ = best;
        score = best_score;
        proposal = current_;
      }
      proposal.touched = proposal.reordered = 0;
      const Score new_score = change(proposal) ? judge_.judge(proposal) : Score{};
      if (new_score.fits() && accepts(score, new_score, static_cast<double>(i) / proposals)) {
        current_.follow(proposal, proposal.touched, proposal.reordered);
        score = new_score;
        if (score < best_score) {
          best_score = score;
          best = current_;
        }
      } else {
        proposal.follow(current_, proposal.touched, proposal.reordered);
      }
    }
  }

 private:
  /// Whether to go from one score to another, after a part `done` of the proposals.
  bool accepts(const Score& from, const Score& to, double done) {
    const double chance = random_.unit();
    const double worsening =
        std::log(to.first / from.first) + tie_weight_ * std::log(to.second / from.second);
    if (worsening <= 0) return true;
    const double temperature = kHot * std::pow(kCold / kHot, done);
    return worsening <= -temperature * std::log(chance);
  }

  [[nodiscard]] bool fixed(int dim, std::size_t i) const {
    return layout_.fixed_tile(layout_.slots_of(dim)[i], dim) > 0;
  }

  /// The best of some random spreads, since most good mappings spread what they can; where none
  /// fits, the smallest tiles.
  Candidate start() {
    const Candidate smallest = smallest_tiles(problem_, layout_);
    Candidate best = smallest;
    Score best_score;
    for (int i = 0; i < kStartCandidates; ++i) {
      Candidate candidate = spread(smallest);
      const Score score = judge_.judge(candidate);
      if (score < best_score) {
        best_score = score;
        best = std::move(candidate);
      }
    }
    return best;
  }

  Candidate spread(Candidate candidate) {
    for (std::size_t i = 0; i < layout_.options().size(); ++i) {
      if (random_.below(4) != 0) candidate.mapping.kept |= 1U << i;
    }
    for (std::size_t t = 0; t < temporal_.size(); ++t) shuffle(candidate, t);
    for (int attempt = 0; attempt < kSpreadAttempts && !splittable_.empty(); ++attempt) {
      const int dim = splittable_[random_.below(splittable_.size())];
      const std::vector<int>& slots = layout_.slots_of(dim);
      const std::size_t to = 1 + random_.below(slots.size() - 1);
      if (!layout_.slots()[at(slots[to])].spatial) continue;
      Candidate wider = candidate;
      const std::int64_t trips = trips_of(wider, dim, 0);
      if (trips < 2) continue;
      if (move(wider, dim, 0, to, pick_factor(trips)) && judge_.spread_fits(wider))
        candidate = wider;
    }
    return candidate;
  }

  void shuffle(Candidate& candidate, std::size_t t) {
    auto& order = candidate.change_order(t);
    for (std::size_t i = order.size(); i > 1; --i) {
      std::swap(order[i - 1], order[random_.below(i)]);
    }
    sort_groups(candidate, t);
  }

  void sort_groups(Candidate& candidate, std::size_t t) const {
    auto& order = candidate.change_order(t);
    std::stable_sort(order.begin(), order.end(), [&](int a, int b) {
      return layout_.rank(temporal_[t], a) < layout_.rank(temporal_[t], b);
    });
  }

  bool change(Candidate& candidate) {
    const std::size_t kind = random_.below(100);
    if (kind < 55 || splittable_.size() < 2) {
      if (kind >= 90 && reorder(candidate)) return true;
      return move_randomly(candidate);
    }
    if (kind < 70) return move_randomly(candidate) && move_randomly(candidate);
    if (kind < 77) return set_tile(candidate);
    if (kind < 85) return respread(candidate);
    if (kind < 96 || layout_.options().empty()) return reorder(candidate);
    candidate.mapping.kept ^= 1U << random_.below(layout_.options().size());
    return true;
  }

  bool move_randomly(Candidate& candidate) {
    if (splittable_.empty()) return false;
    const int dim = splittable_[random_.below(splittable_.size())];
    const std::size_t slots = layout_.slots_of(dim).size();
    const std::size_t from = random_.below(slots);
    const std::size_t to = random_.below(slots);
    const std::int64_t trips = trips_of(candidate, dim, from);
    return from != to && trips > 1 && move(candidate, dim, from, to, pick_factor(trips));
  }

  [[nodiscard]] std::int64_t trips_of(const Candidate& candidate, int dim, std::size_t i) const {
    const Candidate::Chain& chain = candidate.tiles[at(dim)];
    const std::int64_t outer = i == 0 ? problem_.bounds[at(dim)] : chain[i - 1];
    return base::ceil_div(outer, chain[i]);
  }

  /// Empty one axis of an array and fill it anew, with as much of a few dims as fits.
  bool respread(Candidate& candidate) {
    if (spatial_.empty()) return false;
    const int slot = spatial_[random_.below(spatial_.size())];
    std::vector<std::pair<int, std::size_t>> places;
    for (int dim : splittable_) {
      const std::vector<int>& slots = layout_.slots_of(dim);
      for (std::size_t i = 0; i < slots.size(); ++i) {
        if (slots[i] == slot) places.emplace_back(dim, i);
      }
    }
    if (places.empty()) return false;
    for (const auto& [dim, i] : places) {
      const std::size_t to = random_.below(layout_.slots_of(dim).size());
      const std::int64_t trips = trips_of(candidate, dim, i);
      if (to != i && trips > 1) move(candidate, dim, i, to, trips);
    }
    std::int64_t room = layout_.slots()[at(slot)].size;
    for (int attempt = 0; attempt < 3 && room > 1; ++attempt) {
      const auto& [dim, i] = places[random_.below(places.size())];
      const std::size_t from = random_.below(layout_.slots_of(dim).size());
      const std::int64_t factor = std::min(room, trips_of(candidate, dim, from));
      if (from != i && factor > 1 && move(candidate, dim, from, i, factor)) room /= factor;
    }
    return true;
  }

  /// Take a factor from the loop of a dim in one slot and give it to its loop in another.
  bool move(Candidate& candidate, int dim, std::size_t from, std::size_t to, std::int64_t factor) {
    Candidate::Chain& chain = candidate.change(dim);
    for (std::size_t i = std::min(from, to); i < std::max(from, to); ++i) {
      if (fixed(dim, i)) return false;
    }
    if (from < to) {
      // The tiles between grow; none may outgrow what it is cut from.
      std::int64_t limit = from == 0 ? problem_.bounds[at(dim)] : chain[from - 1];
      for (std::size_t i = from; i < to; ++i) {
        chain[i] = limit = std::min(limit, chain[i] * factor);
      }
    } else {
      for (std::size_t i = to; i < from; ++i) {
        chain[i] = std::max(chain[from], base::ceil_div(chain[i], factor));
      }
    }
    return true;
  }

  /// A small factor of a trip count mostly, all of it or any number now and then: bounds are often
  /// prime or odd.
  std::int64_t pick_factor(std::int64_t trips) {
    const std::size_t kind = random_.below(8);
    if (kind == 0) return trips;
    if (kind == 1)
      return 2 + static_cast<std::int64_t>(random_.below(static_cast<std::size_t>(trips - 1)));
    for (std::int64_t factor : {2, 3, 5, 7, 11, 13}) {
      if (trips % factor == 0 && (random_.below(2) == 0 || factor * factor > trips)) return factor;
    }
    return trips < 64 ? trips : 2;
  }

  bool set_tile(Candidate& candidate) {
    const int dim = splittable_[random_.below(splittable_.size())];
    Candidate::Chain& chain = candidate.change(dim);
    const std::size_t i = random_.below(chain.size() - 1);
    if (fixed(dim, i)) return false;
    const std::int64_t outer = i == 0 ? problem_.bounds[at(dim)] : chain[i - 1];
    const std::int64_t inner = chain[i + 1];
    const auto most = static_cast<std::size_t>(base::ceil_div(outer, inner));
    const auto parts = static_cast<std::int64_t>(1 + random_.below(most));
    // Either an even share of what is outside, or a multiple of what is inside.
    chain[i] = random_.below(2) == 0 ? std::max(inner, base::ceil_div(outer, parts))
                                     : std::min(outer, inner * parts);
    return true;
  }

  bool reorder(Candidate& candidate) {
    const std::size_t t = random_.below(temporal_.size());
    if (candidate.mapping.order[t].size() < 2) return false;
    auto& order = candidate.change_order(t);
    const std::size_t from = random_.below(order.size());
    const std::size_t to = random_.below(order.size());
    if (from == to) return false;
    if (from < to) {
      std::rotate(order.begin() + from, order.begin() + from + 1, order.begin() + to + 1);
    } else {
      std::rotate(order.begin() + to, order.begin() + from, order.begin() + from + 1);
    }
    sort_groups(candidate, t);
    return true;
  }

  const problem::Problem& problem_;
  const mapping::Layout& layout_;
  Judge& judge_;
  base::Random random_;
  double tie_weight_;
  std::vector<int> splittable_;
  std::vector<int> temporal_;  ///< slots
  std::vector<int> spatial_;
  Candidate current_;
};

}  // namespace

void anneal(const problem::Problem& problem, const mapping::Layout& layout, Judge& judge,
            int proposals, std::uint64_t seed, const std::atomic<bool>& stop) {
  Annealer(problem, layout, judge, seed).run(proposals, stop);
}

}  // namespace dnnaccel::mapper
