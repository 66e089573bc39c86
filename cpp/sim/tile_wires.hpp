#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "arch/architecture.hpp"
#include "cost/counts.hpp"
#include "mapping/mapping.hpp"
#include "problem/problem.hpp"
#include "sim/tile_grid.hpp"

namespace dnnaccel::sim::tiles {

/// A level that keeps a tensor, or compute: the level below the last, which keeps nothing.
struct Keeper {
  int level = 0;
  const Instances* instances = nullptr;
};

/// What a spatial loop between two keepers is to the words of one tensor.
struct Split {
  std::size_t trips = 1;
  std::size_t loop = 0;
  int level = 0;
  bool above = false;   ///< of the parent: it says which of its instances
  bool shares = false;  ///< one word serves (or sums add up over) all that differ in it

  /// Whether what differs only in this split stands on one wire of a link below `level`.
  [[nodiscard]] bool merges(int link_level) const { return !above && shares && level > link_level; }
};

/// The spatial loops above a child keeper, as the network from its parent sees them.
struct Way {
  std::vector<Split> splits;  ///< outermost first
  std::vector<int> arrays;    ///< between the two, outermost first
  std::size_t fan = 1;        ///< instances of the child per instance of the parent
  bool forwards = false;      ///< siblings hand words on
};

Way find_way(const problem::Problem& problem, const arch::Architecture& architecture,
             const mapping::Nest& nest, problem::Role role, Keeper parent, Keeper child);

/// The network that carries words between the instances of a parent and of its child. Link 0 leaves
/// the parent, link j lies below the j-th array, the last enters the children. Instances that are
/// served by one wire of a link pass each word over it once in a step.
class Wires {
 public:
  /// A word that an instance held before the step, where it stands there, and in the parent.
  struct Held {
    Place parent = kNowhere;
    Place own = kNowhere;
  };
  struct Holder {
    std::uint32_t instance = 0;
    Place own = kNowhere;
  };

  /// `parent_words`: most words of an instance of the parent.
  Wires(Way way, std::size_t instances, int parent_level, std::uint64_t parent_words);

  [[nodiscard]] bool forwards() const { return way_.forwards; }
  [[nodiscard]] std::size_t parent_of(std::size_t instance) const { return instance / way_.fan; }
  /// The instances, those of one wire next to each other, on every link.
  [[nodiscard]] std::span<const std::uint32_t> order() const { return order_; }

  /// Begin a step: nothing has passed yet. On a forwarding network `held` are by instance the words
  /// that it has to hand on; they must stay where they are until the step ends.
  void begin(std::span<const std::vector<Held>> held = {});
  /// Words, by where they stand in the parent, pass between it and an instance. Instances must come
  /// in `order()`. `crosses(k)` is called for each that crosses link 0, `meets(k)` for those that
  /// need not because the wire has carried the word in this step or a sibling hands it on.
  template <typename Crosses, typename Meets>
  void pass(std::size_t instance, std::span<const Place> words, Crosses crosses, Meets meets);
  void pass(std::size_t instance, std::span<const Place> words);
  /// The sibling that hands a word on to the instance that passed last, or nullptr.
  [[nodiscard]] const Holder* holder(Place word) const;

  /// What crossed link 0, and the last link, so far.
  [[nodiscard]] std::uint64_t sent() const { return links_.front().crossed; }
  [[nodiscard]] std::uint64_t delivered() const { return links_.back().crossed; }
  /// Enter what crossed every link into the counts of the arrays.
  void enter(problem::Role role, std::uint64_t returned, cost::Counts& counts) const;

 private:
  struct Link {
    std::vector<std::uint32_t> wire;    ///< by instance
    std::vector<std::uint64_t> passed;  ///< by word of the parent: the epoch in which it passed
    std::vector<std::uint64_t> held;    ///< likewise: the epoch in which a sibling held it
    std::uint32_t current = 0;          ///< wire whose words pass
    std::uint64_t epoch = 0;            ///< 0: no wire yet in this step
    bool merges = false;
    std::uint64_t crossed = 0;
  };

  void find_wires(Link& link, int level) const;
  void sort_instances();
  void enter_wire(std::size_t link, std::size_t instance);
  [[nodiscard]] bool stays_off(const Link& link, std::size_t word) const {
    return link.passed[word] == link.epoch || (way_.forwards && link.held[word] == link.epoch);
  }

  Way way_;
  std::vector<Link> links_;
  std::vector<std::uint32_t> order_;
  std::vector<std::uint32_t> turn_;  ///< by instance: its place in the order
  std::vector<Holder> holders_;      ///< by word of the parent, on link 0
  std::span<const std::vector<Held>> held_;
  std::uint64_t epoch_ = 0;
};

template <typename Crosses, typename Meets>
void Wires::pass(std::size_t instance, std::span<const Place> words, Crosses crosses, Meets meets) {
  for (std::size_t l = 0; l < links_.size(); ++l) {
    Link& link = links_[l];
    if (!link.merges) {
      link.crossed += words.size();
      if (l > 0) continue;
      for (std::size_t k = 0; k < words.size(); ++k) crosses(k);
      continue;
    }
    enter_wire(l, instance);
    std::uint64_t crossed = 0;
    for (std::size_t k = 0; k < words.size(); ++k) {
      const auto word = static_cast<std::size_t>(words[k]);
      if (stays_off(link, word)) {
        if (l == 0) meets(k);
        continue;
      }
      link.passed[word] = link.epoch;
      ++crossed;
      if (l == 0) crosses(k);
    }
    link.crossed += crossed;
  }
}

}  // namespace dnnaccel::sim::tiles
