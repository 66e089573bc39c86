#pragma once

#include <deque>
#include <vector>

#include "sim/tile_store.hpp"

namespace dnnaccel::sim::tiles {

/// Partial sums on their way up and back, with their values. A sum begins at zero in every instance
/// that works on it; one that was begun before is handed to a single instance while the others
/// start from zero. An instance that leaves its tile brings the sums to its parent, where they add
/// up: on the way, over the splits that the network reduces, else one by one in place.
template <typename T>
class Sums {
 public:
  /// `keepers`: outermost first, without compute.
  Sums(const problem::Problem& problem, const arch::Architecture& architecture,
       const mapping::Nest& nest, const std::vector<Keeper>& keepers, T* tensor);

  /// Move to a new position; `stepped` is the loop that moved, or -1 at the first.
  void step(int stepped);
  /// The last drain. Throws std::logic_error if an output was never begun.
  void finish();

  [[nodiscard]] const Keeper& innermost() const { return levels_.back().keeper; }
  [[nodiscard]] TileStore<T>& store() { return levels_.back().store; }
  /// By word of an instance of the innermost keeper: whether its sum has begun.
  [[nodiscard]] std::uint8_t* begun(std::size_t instance) {
    return levels_.back().begun.data() + instance * levels_.back().store.room();
  }
  /// How many words of an instance of the innermost keeper have not begun yet.
  [[nodiscard]] std::uint64_t& fresh(std::size_t instance) {
    return levels_.back().fresh[instance];
  }
  /// Compute brought so many sums, after it was handed so many of them back.
  void used_by_compute(std::uint64_t reads, std::uint64_t writes) {
    computed_reads_ += reads;
    computed_writes_ += writes;
  }

  void enter(cost::Counts& counts) const;

 private:
  struct Level {
    Keeper keeper;
    TileStore<T> store;
    std::vector<std::uint8_t> begun;   ///< by instance and word
    std::vector<std::uint64_t> fresh;  ///< by instance: words that have not begun
    std::vector<Wires> wires;          ///< to the parent; the outermost level has none
    std::vector<PlaceTable> in_parent;
    std::vector<std::uint8_t> leaves;  ///< by instance: it leaves its tile in this step
    bool any_leaves = false;
    bool changed = false;  ///< where the tiles are, or who works
    Watch watch;
    cost::MemoryCount count{};
    std::uint64_t returned = 0;  ///< begun sums handed down to it
  };

  void look_ahead(Level& level);
  void pull(std::size_t n);
  void drain(std::size_t n);
  void bring(Level& level, Level& parent, std::size_t instance);
  void visit(std::size_t n);
  void take_begun(Level& level, Level& parent, std::size_t instance);
  void find_in_parent(Level& level, Level& parent, std::size_t instance);

  std::deque<Level> levels_;
  std::uint64_t computed_reads_ = 0;
  std::uint64_t computed_writes_ = 0;
  std::vector<Place> places_;  ///< of a tile's words in the parent
  std::vector<Place> longer_;
};

extern template class Sums<std::int32_t>;
extern template class Sums<float>;

}  // namespace dnnaccel::sim::tiles
