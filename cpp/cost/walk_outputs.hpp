#pragma once

#include <vector>

#include "cost/walk_network.hpp"

namespace dnnaccel::cost::walking {

/// Partial sums on their way up and back. Each is carried as a number to which every MAC adds 1, so
/// that the walk can see that no sum is lost, doubled or handed out twice.
class Outputs {
 public:
  /// `keepers`: outermost first, compute last.
  Outputs(const problem::Problem& problem, const arch::Architecture& architecture,
          const mapping::Nest& nest, std::vector<Keeper> keepers);

  /// Move to a new position and do its MACs; `stepped` is the loop that moved, or -1 at the first.
  void step(int stepped);
  /// The last drain. Throws std::logic_error if an output does not hold exactly its MACs.
  void finish();
  /// Enter everything that was counted. The ramps of outputs are not: which tile is the last to
  /// leave is a matter of the latency model, not of the walk.
  void enter(Counts& counts) const;

 private:
  /// The sums of one tile in one instance. `begun` sums are here and have a value; a `lent` one is
  /// with an instance of the child (its number and 1 more), which was handed it in call `handed`.
  struct Sums {
    bool holds = false;
    std::vector<Word> tile;
    std::vector<std::uint64_t> value;
    std::vector<std::uint8_t> begun;
    std::vector<std::uint32_t> lent;
    std::vector<std::uint32_t> handed;

    void begin(const std::vector<Word>& words);
    /// Where a word stands in the tile, which must hold it.
    [[nodiscard]] std::size_t find(Word word) const;
  };
  struct Memory {
    Keeper keeper;
    std::vector<Sums> sums;                ///< by instance
    std::vector<std::vector<Word>> fresh;  ///< by instance: the tile of the new position
    std::vector<std::uint8_t> leaves;      ///< by instance: it leaves its tile in this step
    MemoryCount count;
  };
  /// What instances of a keeper want, bring or are handed.
  struct Cargo {
    std::vector<WordSpan> words;
    std::vector<std::span<const std::uint64_t>> values;
  };
  struct Handed {
    std::size_t instance;
    Word word;
    std::uint64_t value;
  };

  void look_ahead(Memory& memory);
  void pull_children(std::size_t from);
  void drain(std::size_t n);
  void visit(std::size_t n);
  void compute();
  void collect(std::size_t n, const Cargo& cargo);
  void hand_down(std::size_t n, std::span<const WordSpan> wanted);
  void clear_cargo(std::size_t instances);

  Words words_;
  std::vector<Memory> memories_;  ///< outermost first
  Keeper compute_;
  std::vector<Network> networks_;  ///< by keeper below the top, compute too: the way up from it
  std::vector<std::uint64_t> returned_;  ///< by network: begun sums handed down
  std::uint64_t macs_per_output_ = 1;
  std::uint32_t calls_ = 0;
  Cargo cargo_;
  std::vector<Handed> handed_;
  std::vector<std::uint32_t> arrived_;  ///< by word: the wire on which it arrived last
  std::uint32_t wire_ = 0;
  std::vector<Word> mac_word_;  ///< by MAC unit, as is the next
  std::vector<std::uint64_t> mac_value_;
  std::vector<Word> scratch_;
};

}  // namespace dnnaccel::cost::walking
