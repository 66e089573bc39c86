#include "cost/walk_outputs.hpp"

#include <algorithm>

namespace dnnaccel::cost::walking {

namespace {

constexpr std::size_t at(int i) { return static_cast<std::size_t>(i); }
constexpr std::size_t kOutputs = static_cast<std::size_t>(problem::Role::outputs);

}  // namespace

void Outputs::Sums::begin(const std::vector<Word>& words) {
  holds = true;
  tile = words;
  value.assign(tile.size(), 0);
  begun.assign(tile.size(), 0);
  lent.assign(tile.size(), 0);
  handed.assign(tile.size(), 0);
}

std::size_t Outputs::Sums::find(Word word) const {
  const auto place = std::lower_bound(tile.begin(), tile.end(), word);
  require(holds && place != tile.end() && *place == word,
          "a sum is asked of, or brought to, a parent that does not hold its tile");
  return static_cast<std::size_t>(place - tile.begin());
}

Outputs::Outputs(const problem::Problem& problem, const arch::Architecture& architecture,
                 const mapping::Nest& nest, std::vector<Keeper> keepers)
    : words_(problem, problem.tensor(problem::Role::outputs)),
      compute_(keepers.back()),
      returned_(keepers.size() - 1),
      macs_per_output_(problem.macs() / problem.tensor(problem::Role::outputs).words()),
      arrived_(words_.size()),
      mac_word_(compute_.depth->instances()),
      mac_value_(compute_.depth->instances()) {
  for (std::size_t n = 0; n + 1 < keepers.size(); ++n) {
    const std::size_t instances = keepers[n].depth->instances();
    memories_.push_back({.keeper = keepers[n],
                         .sums = std::vector<Sums>(instances),
                         .fresh = std::vector<std::vector<Word>>(instances),
                         .leaves = std::vector<std::uint8_t>(instances),
                         .count = {}});
    networks_.emplace_back(problem, architecture, nest, problem::Role::outputs, keepers[n],
                           keepers[n + 1]);
  }
}

void Outputs::step(int stepped) {
  if (stepped < 0) {
    Memory& top = memories_.front();
    words_.touch(top.keeper.depth->chunks(0), top.fresh.front());
    top.sums.front().begin(top.fresh.front());
    top.count.tile = top.sums.front().tile.size();
  }
  // A loop that stepped stands above this keeper and all inside it.
  std::size_t moved = 1;
  while (moved < memories_.size() && stepped >= memories_[moved].keeper.depth->above()) ++moved;
  for (std::size_t n = moved; n < memories_.size(); ++n) look_ahead(memories_[n]);
  pull_children(moved);
  for (std::size_t n = memories_.size(); n-- > moved;) drain(n);
  for (std::size_t n = moved; n < memories_.size(); ++n) visit(n);
  compute();
}

/// Find the new tiles, and who has to leave the one it holds for it.
void Outputs::look_ahead(Memory& memory) {
  const Depth& depth = *memory.keeper.depth;
  for (std::size_t i = 0; i < depth.instances(); ++i) {
    memory.leaves[i] = 0;
    if (!depth.works(i)) continue;  // idle: keeps its tile and what it has summed
    words_.touch(depth.chunks(i), memory.fresh[i]);
    memory.leaves[i] = memory.sums[i].holds && memory.sums[i].tile != memory.fresh[i];
  }
}

/// A parent that leaves its tile takes its children's sums first, those of idle ones too.
void Outputs::pull_children(std::size_t from) {
  for (std::size_t n = from + 1; n < memories_.size(); ++n) {
    for (std::size_t i = 0; i < memories_[n].sums.size(); ++i) {
      const std::size_t parent = networks_[n - 1].parent_of(i);
      if (memories_[n - 1].leaves[parent] != 0 && memories_[n].sums[i].holds) {
        memories_[n].leaves[i] = 1;
      }
    }
  }
}

void Outputs::clear_cargo(std::size_t instances) {
  cargo_.words.assign(instances, {});
  cargo_.values.assign(instances, {});
}

void Outputs::drain(std::size_t n) {
  Memory& memory = memories_[n];
  clear_cargo(memory.sums.size());
  bool any = false;
  for (std::size_t i = 0; i < memory.sums.size(); ++i) {
    if (memory.leaves[i] == 0) continue;
    any = true;
    const Sums& sums = memory.sums[i];
    for (std::size_t word = 0; word < sums.tile.size(); ++word) {
      require(sums.begun[word] != 0 && sums.lent[word] == 0,
              "a tile is drained before all its sums were begun and came back");
    }
    cargo_.words[i] = sums.tile;
    cargo_.values[i] = sums.value;
    memory.count.reads += sums.tile.size();
    memory.count.drained += sums.tile.size();
  }
  if (!any) return;
  collect(n, cargo_);
  for (std::size_t i = 0; i < memory.sums.size(); ++i) {
    if (memory.leaves[i] != 0) memory.sums[i].holds = false;
  }
}

/// Sums go from keeper n to its parent: added on the way where they share a wire, in place (a read
/// for each arrival after the first) where they do not.
void Outputs::collect(std::size_t n, const Cargo& cargo) {
  Network& network = networks_[n - 1];
  Memory& parent = memories_[n - 1];
  const std::uint64_t arriving = network.pass(cargo.words, {});
  std::uint64_t arrivals = 0;
  std::size_t begin = 0;
  for (const std::size_t end : network.wire_ends()) {
    ++wire_;
    for (std::size_t k = begin; k < end; ++k) {
      const std::uint32_t i = network.by_wire()[k];
      Sums& sums = parent.sums[network.parent_of(i)];
      for (std::size_t w = 0; w < cargo.words[i].size(); ++w) {
        const Word word = cargo.words[i][w];
        const std::size_t place = sums.find(word);
        if (arrived_[word] != wire_) {
          arrived_[word] = wire_;
          ++arrivals;
          ++parent.count.writes;
          if (sums.begun[place] != 0) ++parent.count.reads;
          sums.begun[place] = 1;
        }
        sums.value[place] += cargo.values[i][w];
        if (sums.lent[place] == i + 1) sums.lent[place] = 0;
      }
    }
    begin = end;
  }
  require(arrivals == arriving, "more or fewer sums arrive than crossed the network");
  if (n < memories_.size()) memories_[n].count.sent += arriving;
}

/// Take every wanted sum that keeper n's parent has begun out of it: one read, and one receiver.
void Outputs::hand_down(std::size_t n, std::span<const WordSpan> wanted) {
  handed_.clear();
  ++calls_;
  Memory& parent = memories_[n - 1];
  for (std::size_t i = 0; i < wanted.size(); ++i) {
    Sums* const sums = wanted[i].empty() ? nullptr : &parent.sums[networks_[n - 1].parent_of(i)];
    for (const Word word : wanted[i]) {
      const std::size_t place = sums->find(word);
      if (sums->handed[place] == calls_) continue;  // the first that wants it has it
      require(sums->lent[place] == 0, "a begun sum is wanted while another instance has it");
      if (sums->begun[place] == 0) continue;
      handed_.push_back({.instance = i, .word = word, .value = sums->value[place]});
      sums->value[place] = 0;
      sums->begun[place] = 0;
      sums->lent[place] = static_cast<std::uint32_t>(i + 1);
      sums->handed[place] = calls_;
      ++parent.count.reads;
    }
  }
  returned_[n - 1] += handed_.size();
}

/// Working instances that hold nothing begin their tile: at 0, but for what they are handed.
void Outputs::visit(std::size_t n) {
  Memory& memory = memories_[n];
  clear_cargo(memory.sums.size());
  for (std::size_t i = 0; i < memory.sums.size(); ++i) {
    Sums& sums = memory.sums[i];
    if (!memory.keeper.depth->works(i) || sums.holds) continue;
    sums.begin(memory.fresh[i]);
    cargo_.words[i] = sums.tile;
    memory.count.tile = std::max<std::uint64_t>(memory.count.tile, sums.tile.size());
  }
  hand_down(n, cargo_.words);
  for (const Handed& one : handed_) {
    Sums& sums = memory.sums[one.instance];
    const std::size_t place = sums.find(one.word);
    sums.value[place] = one.value;
    sums.begun[place] = 1;
  }
  memory.count.writes += handed_.size();
  memory.count.filled += handed_.size();
}

/// Each MAC adds 1 to the sum it was handed, or to 0, and sends it up.
void Outputs::compute() {
  const Depth& depth = *compute_.depth;
  clear_cargo(depth.instances());
  for (std::size_t i = 0; i < depth.instances(); ++i) {
    if (!depth.works(i)) continue;
    words_.touch(depth.chunks(i), scratch_);
    require(scratch_.size() == 1, "a MAC has one output");
    mac_word_[i] = scratch_.front();
    mac_value_[i] = 1;
    cargo_.words[i] = WordSpan(&mac_word_[i], 1);
    cargo_.values[i] = std::span<const std::uint64_t>(&mac_value_[i], 1);
  }
  MemoryCount& innermost = memories_.back().count;
  const MemoryCount before = innermost;
  hand_down(memories_.size(), cargo_.words);
  for (const Handed& one : handed_) mac_value_[one.instance] += one.value;
  collect(memories_.size(), cargo_);
  innermost.computed_reads += innermost.reads - before.reads;
  innermost.computed_writes += innermost.writes - before.writes;
}

void Outputs::finish() {
  for (std::size_t n = memories_.size(); n-- > 1;) {
    for (std::size_t i = 0; i < memories_[n].sums.size(); ++i) {
      memories_[n].leaves[i] = memories_[n].sums[i].holds;
    }
    drain(n);
  }
  const Sums& whole = memories_.front().sums.front();
  require(whole.tile.size() == words_.size(), "the nest does not cover every output");
  for (std::size_t word = 0; word < whole.tile.size(); ++word) {
    require(
        whole.begun[word] != 0 && whole.lent[word] == 0 && whole.value[word] == macs_per_output_,
        "an output does not hold exactly its MACs");
  }
}

void Outputs::enter(Counts& counts) const {
  for (std::size_t n = 0; n < memories_.size(); ++n) {
    counts.memories[at(memories_[n].keeper.level)][kOutputs] = memories_[n].count;
    networks_[n].enter(problem::Role::outputs, returned_[n], counts);
  }
}

}  // namespace dnnaccel::cost::walking
