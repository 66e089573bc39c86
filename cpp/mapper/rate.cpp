#include "mapper/rate.hpp"

#include <algorithm>
#include <ctime>
#include <limits>
#include <optional>
#include <stdexcept>
#include <unordered_set>
#include <vector>

#include "base/math.hpp"
#include "base/number_map.hpp"
#include "mapper/lottery.hpp"

namespace dnnaccel::mapper {

namespace {

constexpr std::size_t at(int i) { return static_cast<std::size_t>(i); }

double cpu_seconds() { return static_cast<double>(std::clock()) / CLOCKS_PER_SEC; }

void number(Candidate& candidate, const problem::Problem& problem, cost::Tables& tables) {
  for (int d = 0; d < problem.dims(); ++d) {
    candidate.mapping.chains[at(d)] = tables.intern(d, candidate.tiles[at(d)].data());
  }
}

std::uint64_t fingerprint(const mapping::Mapping& mapping) {
  std::uint64_t hash = 0;
  const auto add = [&](auto value) { hash = base::mix(hash, static_cast<std::uint64_t>(value)); };
  for (const mapping::LevelMapping& level : mapping.levels) {
    add(level.keeps);
    add(level.loops.size());
    for (const mapping::Loop& loop : level.loops) {
      add(loop.dim);
      add(loop.tile);
      add(loop.axis);
    }
  }
  return hash;
}

/// Distinct random mappings that fit.
std::vector<Candidate> draw_all(const problem::Problem& problem, const mapping::Layout& layout,
                                const Judge& judge, cost::Tables& tables,
                                const RateRequest& request, std::uint64_t& drawn) {
  Lottery lottery(problem, layout, request.seed);
  std::unordered_set<std::uint64_t> seen;
  cost::Counts counts;
  std::vector<Candidate> out;
  while (out.size() < request.mappings && drawn < kMaxAttempts * request.mappings) {
    ++drawn;
    Candidate candidate = lottery.draw_any();
    if (!judge.spread_fits(candidate)) continue;
    number(candidate, problem, tables);
    if (!tables.count(candidate.mapping, counts)) continue;
    if (seen.insert(fingerprint(judge.to_mapping(candidate))).second) out.push_back(candidate);
  }
  if (out.empty()) throw std::invalid_argument("no random mapping fits");
  return out;
}

/// Cost all mappings with what is tabulated.
void cost_all(const std::vector<cost::ChainedMapping>& mappings, cost::Tables& tables,
              const cost::Pricer& pricer, Rate& rate) {
  cost::Counts counts;
  for (const cost::ChainedMapping& mapping : mappings) {
    if (!tables.count(mapping, counts)) continue;
    const cost::Price cost = pricer.total(counts);
    rate.energy += cost.energy;
    rate.cycles += static_cast<double>(cost.cycles);
  }
}

}  // namespace

Outcome sample(const problem::Problem& problem, const arch::Architecture& architecture,
               const mapping::Mapspace& space, const cost::Sparsity& sparsity, std::size_t mappings,
               std::uint64_t seed) {
  const mapping::Layout layout(problem, architecture, space);
  Judge judge(problem, architecture, layout, sparsity, {});
  Lottery lottery(problem, layout, seed);
  for (std::size_t drawn = 0; judge.evaluated() < mappings && drawn < kMaxAttempts * mappings;
       ++drawn) {
    if (std::optional<Candidate> candidate = lottery.draw_point()) judge.judge(*candidate);
  }
  Outcome outcome;
  judge.report(outcome);
  return outcome;
}

Rate cost_rate(const problem::Problem& problem, const arch::Architecture& architecture,
               const mapping::Mapspace& space, const cost::Sparsity& sparsity,
               const RateRequest& request) {
  const mapping::Layout layout(problem, architecture, space);
  const Judge judge(problem, architecture, layout, sparsity, {});
  const cost::Pricer pricer(problem, architecture, sparsity);
  std::optional<cost::Tables> tables(std::in_place, problem, architecture, layout, sparsity);
  Rate rate;
  std::vector<Candidate> candidates =
      draw_all(problem, layout, judge, *tables, request, rate.drawn);
  rate.mappings = candidates.size();
  for (const Candidate& candidate : candidates) {
    const mapping::Mapping mapping = judge.to_mapping(candidate);
    const mapping::Nest nest = mapping::flatten(problem, architecture, mapping);
    const cost::Cost cost =
        pricer.price(cost::Counter(problem, architecture, mapping, nest).count());
    rate.counted_energy += cost.energy;
    rate.counted_cycles += static_cast<double>(cost.cycles);
  }
  std::vector<cost::ChainedMapping> mappings;
  const auto renew = [&] {  // with the chains of these alone, and not of those that did not fit
    tables.emplace(problem, architecture, layout, sparsity);
    mappings.clear();
    for (Candidate& candidate : candidates) {
      number(candidate, problem, *tables);
      mappings.push_back(candidate.mapping);
    }
  };
  renew();
  cost_all(mappings, *tables, pricer, rate);
  for (int round = 0; round < request.rounds; ++round) {
    rate.energy = rate.cycles = 0;
    const double start = cpu_seconds();
    if (request.cold) renew();
    cost_all(mappings, *tables, pricer, rate);
    rate.seconds += cpu_seconds() - start;
    rate.costed += mappings.size();
  }
  rate.tables = tables->size();
  return rate;
}

double lookup_seconds() {
  constexpr std::size_t kFactors = 6;
  constexpr std::size_t kProducts = 1U << 16;
  constexpr std::size_t kEntries = 2048;  // 8 KiB
  base::Random random(1);
  std::vector<cost::Word> table(kEntries);
  for (cost::Word& value : table) value = static_cast<cost::Word>(1 + random.below(63));
  std::vector<std::uint16_t> where(kFactors * kProducts);
  for (std::uint16_t& place : where) place = static_cast<std::uint16_t>(random.below(kEntries));
  double best = std::numeric_limits<double>::infinity();
  std::uint64_t sum = 0;
  for (int attempt = 0; attempt < 20; ++attempt) {
    const double start = cpu_seconds();
    for (int again = 0; again < 8; ++again) {
      for (std::size_t i = 0; i < where.size(); i += kFactors) {
        std::uint64_t product = 1;
        for (std::size_t k = 0; k < kFactors; ++k) product *= table[where[i + k]];
        sum += product;
      }
      table[0] = static_cast<cost::Word>(1 + sum % 63);  // so that no pass is a repetition
    }
    best = std::min(best, cpu_seconds() - start);
  }
  return best / static_cast<double>(8 * where.size());
}

SearchRates search_rate(const problem::Problem& problem, const arch::Architecture& architecture,
                        const mapping::Mapspace& space, const cost::Sparsity& sparsity,
                        int proposals, int rounds, std::uint64_t seed) {
  const mapping::Layout layout(problem, architecture, space);
  Judge judge(problem, architecture, layout, sparsity, {});
  const std::atomic<bool> stop{false};
  const auto once = [&] {
    judge.forget_verdicts();
    const double start = cpu_seconds();
    anneal(problem, layout, judge, proposals, seed, stop);
    return SearchRate{
        .evaluated = judge.evaluated(), .pruned = judge.pruned(), .seconds = cpu_seconds() - start};
  };
  SearchRates rates{.cold = once(), .warm = {}};
  std::vector<SearchRate> warm;
  for (int round = 0; round < std::max(rounds, 1); ++round) warm.push_back(once());
  const auto middle = warm.begin() + static_cast<std::ptrdiff_t>(warm.size() / 2);
  std::nth_element(warm.begin(), middle, warm.end(),
                   [](const SearchRate& a, const SearchRate& b) { return a.seconds < b.seconds; });
  rates.warm = *middle;
  return rates;
}

}  // namespace dnnaccel::mapper
