#include "cost/walk_operand.hpp"

#include <algorithm>
#include <iterator>

namespace dnnaccel::cost::walking {

namespace {

constexpr std::size_t at(int i) { return static_cast<std::size_t>(i); }

}  // namespace

Operand::Operand(const problem::Problem& problem, const arch::Architecture& architecture,
                 const mapping::Nest& nest, problem::Role role, std::vector<Keeper> keepers)
    : role_(role),
      words_(problem, problem.tensor(role)),
      top_(keepers.front()),
      count_(keepers.size()),
      ramp_(keepers.size()) {
  for (std::size_t n = 1; n < keepers.size(); ++n) {
    const std::vector<std::vector<Word>> none(keepers[n].depth->instances());
    children_.push_back(
        {.keeper = keepers[n],
         .network = Network(problem, architecture, nest, role, keepers[n - 1], keepers[n]),
         .held = none,
         .fresh = none,
         .lacked = none});
  }
}

void Operand::step(int stepped) {
  const bool first = stepped < 0;
  if (first) {
    words_.touch(top_.depth->chunks(0), whole_);
    count_.front().tile = whole_.size();
  }
  for (std::size_t n = 0; n < children_.size(); ++n) {
    if (stepped < children_[n].keeper.depth->above()) fill(n, first);
  }
}

void Operand::fill(std::size_t n, bool first) {
  Child& child = children_[n];
  const Depth& depth = *child.keeper.depth;
  const bool compute = n + 1 == children_.size();
  wanted_.assign(depth.instances(), {});
  before_.assign(depth.instances(), {});
  std::uint64_t received = 0;
  for (std::size_t i = 0; i < depth.instances(); ++i) {
    if (!depth.works(i)) continue;  // idle: receives nothing and keeps its tile
    std::vector<Word>& lacked = child.lacked[i];
    words_.touch(depth.chunks(i), child.fresh[i]);
    lacked.clear();
    std::set_difference(child.fresh[i].begin(), child.fresh[i].end(), child.held[i].begin(),
                        child.held[i].end(), std::back_inserter(lacked));
    const std::vector<Word>& source =
        n == 0 ? whole_ : children_[n - 1].held[child.network.parent_of(i)];
    for (const Word word : lacked) {
      require(std::binary_search(source.begin(), source.end(), word),
              "a word is asked of a parent that does not hold it");
    }
    wanted_[i] = lacked;
    before_[i] = child.held[i];
    received += lacked.size();
  }
  const std::uint64_t sent = child.network.pass(wanted_, before_);
  if (first) ramp_[n + 1] = {.sent = sent, .received = received};
  count_[n].reads += sent;
  if (compute) count_[n].computed_reads += sent;
  MemoryCount& count = count_[n + 1];
  count.writes += received;
  count.filled += received;
  count.sent += sent;
  if (child.network.forwards()) count.reads += received - sent;  // a neighbour reads what it passes
  if (!compute) hold(n);
}

void Operand::hold(std::size_t n) {
  Child& child = children_[n];
  std::uint64_t& largest = count_[n + 1].tile;
  for (std::size_t i = 0; i < child.held.size(); ++i) {
    if (!child.keeper.depth->works(i)) continue;
    std::swap(child.held[i], child.fresh[i]);
    largest = std::max<std::uint64_t>(largest, child.held[i].size());
  }
}

void Operand::enter(Counts& counts) const {
  const std::size_t role = at(problem::index(role_));
  counts.memories[at(top_.level)][role] = count_.front();
  int parent = top_.level;
  for (std::size_t n = 0; n < children_.size(); ++n) {
    const Child& child = children_[n];
    child.network.enter(role_, 0, counts);
    if (n + 1 == children_.size()) break;  // compute is no memory
    counts.memories[at(child.keeper.level)][role] = count_[n + 1];
    RampCount& ramp = counts.ramps[at(child.keeper.level)][role];
    ramp = ramp_[n + 1];
    ramp.parent = parent;
    parent = child.keeper.level;
  }
}

}  // namespace dnnaccel::cost::walking
