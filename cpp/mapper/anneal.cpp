#include <algorithm>
#include <array>
#include <cmath>
#include <deque>
#include <numeric>
#include <unordered_map>

#include "base/math.hpp"
#include "base/number_map.hpp"
#include "mapper/candidate.hpp"
#include "mapping/chains.hpp"

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

// Weight of what is outside the limits: no gain in what is minimised makes up for it, and yet a way
// across is open while it is hot.
constexpr double kOverWeight = 4;

constexpr int kStartCandidates = 48;
constexpr int kSpreadAttempts = 24;

/// What is worked out once for a number, and asked for again and again.
template <typename Make>
class Remembered {
 public:
  explicit Remembered(Make make) : make_(make) {}

  const std::vector<std::int64_t>& operator()(std::int64_t number, std::int64_t other = 0) {
    const std::uint64_t key =
        base::mix(static_cast<std::uint64_t>(number), static_cast<std::uint64_t>(other));
    std::uint32_t found =
        ids_.find(key, [&](std::uint32_t id) { return asked_[id] == std::pair(number, other); });
    if (found == base::NumberMap::kNone) {
      found = static_cast<std::uint32_t>(asked_.size());
      ids_.insert(key, found);
      asked_.emplace_back(number, other);
      answers_.push_back(make_(number, other));
    }
    return answers_[found];
  }

 private:
  Make make_;
  base::NumberMap ids_;
  std::vector<std::pair<std::int64_t, std::int64_t>> asked_;
  std::deque<std::vector<std::int64_t>> answers_;  // which stay where they are
};

/// The prime factors of a number, each as often as it divides it.
std::vector<std::int64_t> prime_factors(std::int64_t number, std::int64_t) {
  std::vector<std::int64_t> primes;
  for (std::int64_t prime = 2; prime * prime <= number; ++prime) {
    for (; number % prime == 0; number /= prime) primes.push_back(prime);
  }
  if (number > 1) primes.push_back(number);
  return primes;
}

class Annealer {
 public:
  Annealer(const problem::Problem& problem, const mapping::Layout& layout, Judge& judge,
           std::uint64_t seed)
      : problem_(problem),
        layout_(layout),
        judge_(judge),
        random_(seed),
        tie_weight_(kTieWeights[seed % kTieWeights.size()]) {
    places_.resize(layout_.slots().size());
    for (int d = 0; d < problem_.dims(); ++d) {
      segments_[at(d)] = mapping::segments(problem_, layout_, d);
      for (mapping::Segment& segment : segments_[at(d)]) {
        if (segment.positions() == 1) continue;
        if (segment.end - segment.first > 1) movable_.push_back({d, &segment});
        for (std::size_t i : segment.spatial) {
          places_[at(layout_.slots_of(d)[i])].push_back({d, &segment, i});
        }
      }
    }
    for (int s = 0; s < static_cast<int>(layout_.slots().size()); ++s) {
      if (!layout_.slots()[at(s)].spatial) temporal_.push_back(s);
      if (!places_[at(s)].empty()) spatial_.push_back(s);
    }
  }

  void run(int proposals, const std::atomic<bool>& stop) {
    std::optional<Candidate> smallest = smallest_tiles(problem_, layout_);
    if (!smallest) return;
    current_ = start(*smallest);
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
    const double worsening = std::log(to.first / from.first) +
                             tie_weight_ * std::log(to.second / from.second) +
                             kOverWeight * (to.over - from.over);
    if (worsening <= 0) return true;
    const double temperature = kHot * std::pow(kCold / kHot, done);
    return worsening <= -temperature * std::log(chance);
  }

  /// The best of some random spreads, since most good mappings spread what they can; where none
  /// fits, the smallest tiles.
  Candidate start(const Candidate& smallest) {
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
    for (int attempt = 0; attempt < kSpreadAttempts && !spatial_.empty(); ++attempt) {
      const auto& places = places_[at(spatial_[random_.below(spatial_.size())])];
      respread(candidate, places[random_.below(places.size())], Way::more);
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
    if (movable_.empty() || (kind >= 85 && kind < 96)) return reorder(candidate);
    if (kind < 55) return move(candidate);
    if (kind < 63) return static_cast<int>(move(candidate)) + static_cast<int>(move(candidate)) > 0;
    if (kind < 70) return exchange(candidate);
    if (kind < 77) return deal_anew(candidate);
    if (kind < 85) return refill(candidate);
    if (layout_.options().empty()) return reorder(candidate);
    candidate.mapping.kept ^= 1U << random_.below(layout_.options().size());
    return true;
  }

  /// Where a dim may be spread over an axis: its segment, and the slot among those of the dim.
  struct Place {
    int dim = 0;
    const mapping::Segment* segment = nullptr;
    std::size_t slot = 0;
  };

  /// What a change of a spatial factor is to do.
  enum class Way : std::uint8_t { less, more, most };

  /// Move a factor from one slot of a dim to another.
  bool move(Candidate& candidate) {
    const auto& [dim, segment] = movable_[random_.below(movable_.size())];
    const mapping::Chain& factors = candidate.factors[at(dim)];
    std::array<std::size_t, 2 * arch::kMaxLevels> full;  // slots that have something to give
    std::size_t count = 0;
    for (std::size_t i = segment->first; i < segment->end; ++i) {
      if (factors[i] > 1) full[count++] = i;
    }
    const std::size_t from = full[random_.below(count)];
    const std::size_t to = segment->first + random_.below(segment->end - segment->first - 1);
    return move(candidate, dim, *segment, from, to < from ? to : to + 1);
  }

  /// Move a factor from one slot to another, and one of another dim the other way: what fills a
  /// memory or an axis must leave for another to come.
  bool exchange(Candidate& candidate) {
    const auto& [one, segment] = movable_[random_.below(movable_.size())];
    const auto& [two, other] = movable_[random_.below(movable_.size())];
    const std::size_t slots = segment->end - segment->first;
    const std::size_t from = segment->first + random_.below(slots);
    const std::size_t to = segment->first + random_.below(slots);
    const std::size_t back_from = find(two, *other, layout_.slots_of(one)[to]);
    const std::size_t back_to = find(two, *other, layout_.slots_of(one)[from]);
    if (one == two || from == to || back_from == other->end || back_to == other->end) return false;
    const bool gives = candidate.factors[at(one)][from] > 1;
    const bool takes = candidate.factors[at(two)][back_from] > 1;
    return takes && gives && move(candidate, two, *other, back_from, back_to) &&
           move(candidate, one, *segment, from, to);
  }

  /// The place of a slot among those of a segment; its end if it is not there.
  [[nodiscard]] std::size_t find(int dim, const mapping::Segment& segment, int slot) const {
    std::size_t i = segment.first;
    while (i < segment.end && layout_.slots_of(dim)[i] != slot) ++i;
    return i;
  }

  bool move(Candidate& candidate, int dim, const mapping::Segment& segment, std::size_t from,
            std::size_t to) {
    const bool gathers = is_spatial(dim, from);
    const bool spreads = is_spatial(dim, to);
    if (gathers && spreads) {
      return respread(candidate, {dim, &segment, from}, Way::less) &&
             respread(candidate, {dim, &segment, to}, Way::more);
    }
    if (gathers) return respread(candidate, {dim, &segment, from}, Way::less, to);
    if (spreads) return respread(candidate, {dim, &segment, to}, Way::more, from);
    mapping::Chain& factors = candidate.factors[at(dim)];
    const std::int64_t factor = pick_factor(factors[from]);
    factors[from] /= factor;
    factors[to] *= factor;
    mapping::write_tiles(segment, factors, candidate.change(dim));
    return true;
  }

  /// Deal the factors of two temporal slots of a dim to them anew.
  bool deal_anew(Candidate& candidate) {
    const auto& [dim, segment] = movable_[random_.below(movable_.size())];
    const std::vector<std::size_t>& slots = segment->temporal;
    if (slots.size() < 2) return false;
    const std::size_t one = slots[random_.below(slots.size())];
    const std::size_t other = slots[random_.below(slots.size())];
    mapping::Chain& factors = candidate.factors[at(dim)];
    const std::int64_t both = factors[one] * factors[other];
    if (one == other || both == 1) return false;
    factors[one] = some_of(primes_(both));
    factors[other] = both / factors[one];
    mapping::write_tiles(*segment, factors, candidate.change(dim));
    return true;
  }

  /// Empty one axis of an array and fill it anew, with as much of a few dims as fits.
  bool refill(Candidate& candidate) {
    if (spatial_.empty()) return false;
    const auto& places = places_[at(spatial_[random_.below(spatial_.size())])];
    for (const Place& place : places) {
      if (!place.segment->temporal.empty()) set_spatial(candidate, place, 1, any_temporal(place));
    }
    for (int attempt = 0; attempt < 3; ++attempt) {
      respread(candidate, places[random_.below(places.size())], Way::most);
    }
    return true;
  }

  bool respread(Candidate& candidate, const Place& place, Way way) {
    if (place.segment->temporal.empty()) return respread_forced(candidate, place);
    return respread(candidate, place, way, any_temporal(place));
  }

  /// Spread a dim over fewer or more instances of an axis, and let `taker`, a temporal slot of it,
  /// make up for that.
  bool respread(Candidate& candidate, const Place& place, Way way, std::size_t taker) {
    const auto& [dim, segment, slot] = place;
    const mapping::Chain& factors = candidate.factors[at(dim)];
    std::int64_t positions = segment->positions();
    for (std::size_t i : segment->spatial) {
      if (i < slot) positions = base::ceil_div(positions, factors[i]);
    }
    const std::int64_t now = factors[slot];
    const std::vector<std::int64_t>& choice = choices_(positions, size_of(dim, slot));
    const auto here = std::lower_bound(choice.begin(), choice.end(), now);
    if (way == Way::less) {
      const auto fewer = static_cast<std::size_t>(here - choice.begin());
      return fewer > 0 && set_spatial(candidate, place, choice[random_.below(fewer)], taker);
    }
    const auto end = std::upper_bound(here, choice.end(), room_for(candidate, place));
    const auto more = end - here - 1;
    if (more <= 0) return false;
    const auto by =
        way == Way::most
            ? more
            : 1 + static_cast<std::ptrdiff_t>(random_.below(static_cast<std::size_t>(more)));
    return set_spatial(candidate, place, here[by], taker);
  }

  /// Set a spatial factor. Those inside it in its segment shrink to what is left, the temporal ones
  /// keep what still divides that, innermost ones first, and `taker` takes the rest.
  bool set_spatial(Candidate& candidate, const Place& place, std::int64_t factor,
                   std::size_t taker) {
    const auto& [dim, segment, slot] = place;
    mapping::Chain& factors = candidate.factors[at(dim)];
    std::int64_t rest = segment->positions();
    for (std::size_t i : segment->spatial) {
      if (i == slot) {
        factors[i] = factor;
      } else if (i > slot) {
        const std::vector<std::int64_t>& choice = choices_(rest, size_of(dim, i));
        factors[i] = *(std::upper_bound(choice.begin(), choice.end(), factors[i]) - 1);
      }
      rest = base::ceil_div(rest, factors[i]);
    }
    for (std::size_t n = segment->temporal.size(); n-- > 0;) {
      const std::size_t i = segment->temporal[n];
      if (i == taker) continue;
      factors[i] = std::gcd(factors[i], rest);
      rest /= factors[i];
    }
    factors[taker] = rest;
    mapping::write_tiles(*segment, factors, candidate.change(dim));
    return true;
  }

  /// Spread anew what only arrays can split.
  bool respread_forced(Candidate& candidate, const Place& place) {
    const auto& [dim, segment, slot] = place;
    auto& spreads = forced_[segment];
    if (spreads.empty()) spreads = mapping::spreads(layout_, dim, *segment);
    const mapping::Spread& spread = spreads[random_.below(spreads.size())];
    mapping::Chain factors = candidate.factors[at(dim)];
    for (std::size_t i = 0; i < segment->spatial.size(); ++i) {
      const std::size_t to = segment->spatial[i];
      if (spread.factors[i] > room_for(candidate, {dim, segment, to})) return false;
      factors[to] = spread.factors[i];
    }
    candidate.factors[at(dim)] = factors;
    mapping::write_tiles(*segment, factors, candidate.change(dim));
    return true;
  }

  [[nodiscard]] bool is_spatial(int dim, std::size_t slot) const {
    return layout_.slots()[at(layout_.slots_of(dim)[slot])].spatial;
  }

  [[nodiscard]] std::int64_t size_of(int dim, std::size_t slot) const {
    return layout_.slots()[at(layout_.slots_of(dim)[slot])].size;
  }

  /// Instances of an axis that the other dims leave to a place.
  [[nodiscard]] std::int64_t room_for(const Candidate& candidate, const Place& place) const {
    std::int64_t room = size_of(place.dim, place.slot);
    for (const Place& other : places_[at(layout_.slots_of(place.dim)[place.slot])]) {
      const bool same = other.dim == place.dim;
      if (!same) room /= candidate.factors[at(other.dim)][other.slot];
    }
    return room;
  }

  std::size_t any_temporal(const Place& place) {
    const std::vector<std::size_t>& slots = place.segment->temporal;
    return slots[random_.below(slots.size())];
  }

  /// A prime factor of a number mostly, all of it or any part now and then.
  std::int64_t pick_factor(std::int64_t number) {
    const std::size_t kind = random_.below(8);
    if (kind == 0) return number;
    const std::vector<std::int64_t>& primes = primes_(number);
    return kind == 1 ? some_of(primes) : primes[random_.below(primes.size())];
  }

  std::int64_t some_of(const std::vector<std::int64_t>& primes) {
    std::int64_t product = 1;
    const std::uint64_t taken = random_.next();  // a bound has no more than 64 prime factors
    for (std::size_t i = 0; i < primes.size(); ++i) {
      if ((taken >> i & 1U) != 0) product *= primes[i];
    }
    return product;
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
  std::array<std::vector<mapping::Segment>, problem::kMaxDims> segments_;
  /// Segments, with their dims, that can be factored in more than one way.
  std::vector<std::pair<int, const mapping::Segment*>> movable_;
  std::vector<std::vector<Place>> places_;  ///< by slot, for spatial ones
  std::vector<int> temporal_;               ///< slots
  std::vector<int> spatial_;                ///< slots with places
  std::unordered_map<const mapping::Segment*, std::vector<mapping::Spread>> forced_;
  Remembered<decltype(&mapping::spatial_factors)> choices_{&mapping::spatial_factors};
  Remembered<decltype(&prime_factors)> primes_{&prime_factors};
  Candidate current_;
};

}  // namespace

void anneal(const problem::Problem& problem, const mapping::Layout& layout, Judge& judge,
            int proposals, std::uint64_t seed, const std::atomic<bool>& stop) {
  Annealer(problem, layout, judge, seed).run(proposals, stop);
}

}  // namespace dnnaccel::mapper
