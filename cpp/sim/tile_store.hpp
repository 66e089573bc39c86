#pragma once

#include <cstdint>
#include <limits>
#include <new>
#include <span>
#include <vector>

#include "sim/tile_grid.hpp"
#include "sim/tile_wires.hpp"

namespace dnnaccel::sim::tiles {

/// What a walk of tiles must never see. Throws std::logic_error: a rule of the walk is broken.
void require(bool condition, const char* what);

/// Whether the tiles of a keeper have to be looked at: not while its grid stands where it did and
/// the same instances work.
class Watch {
 public:
  bool changed(TileGrid& grid, const Instances& instances) {
    const bool moved = grid.stand();
    const bool shifted = instances.shift() != shift_;
    shift_ = instances.shift();
    return moved || shifted;
  }

 private:
  std::uint64_t shift_ = 0;
};

/// Where the coordinates that each lane of an axis has stand in another set, found again only when
/// one of the two sets has changed.
class PlaceTable {
 public:
  explicit PlaceTable(std::size_t lanes = 0) : lanes_(lanes) {}

  std::span<const Place> find(std::size_t lane, const AxisSet& from, const AxisSet& to) {
    Lane& one = lanes_[lane];
    if (!one.known || !(one.from == from) || !(one.to == to)) {
      find_places(from, to, one.places);
      one.from = from;
      one.to = to;
      one.known = true;
    }
    return one.places;
  }

 private:
  struct Lane {
    AxisSet from;
    AxisSet to;
    bool known = false;
    std::vector<Place> places;
  };
  std::vector<Lane> lanes_;
};

/// The tiles that the instances of one keeper hold: which coordinates, and room for their values.
template <typename T>
class TileStore {
 public:
  /// `copies`: how many tiles an instance has room for.
  TileStore(const problem::Tensor& tensor, const Instances& instances, std::size_t copies)
      : grid_(tensor, instances),
        room_(static_cast<std::size_t>(grid_.most_words())),
        copies_(copies),
        values_(words_needed(grid_, instances, copies)),
        copy_(instances.count()),
        holds_(instances.count()),
        words_(instances.count()),
        sets_(instances.count() * grid_.axes()),
        strides_(sets_.size()) {}
  /// The outermost keeper: one instance, which holds all of the tensor where it is.
  TileStore(const problem::Tensor& tensor, const Instances& instances, T* values)
      : grid_(tensor, instances, true),
        room_(static_cast<std::size_t>(grid_.most_words())),
        outside_(values),
        copy_(1),
        holds_(1),
        words_(1),
        sets_(grid_.axes()),
        strides_(grid_.axes()) {
    grid_.stand();
    hold_now(0);
  }

  [[nodiscard]] TileGrid& grid() { return grid_; }
  [[nodiscard]] const TileGrid& grid() const { return grid_; }
  [[nodiscard]] std::size_t room() const { return room_; }
  [[nodiscard]] bool holds(std::size_t instance) const { return holds_[instance] != 0; }
  /// What an instance holds along an axis.
  [[nodiscard]] const AxisSet& set(std::size_t instance, std::size_t axis) const {
    return sets_[instance * grid_.axes() + axis];
  }
  /// Words between two neighbours along each axis of the tile that an instance holds.
  [[nodiscard]] const std::int64_t* strides(std::size_t instance) const {
    return strides_.data() + instance * grid_.axes();
  }
  [[nodiscard]] std::size_t words(std::size_t instance) const { return words_[instance]; }
  /// Where its tile begins, in row-major order of the axes.
  [[nodiscard]] T* values(std::size_t instance) { return at_copy(instance, copy_[instance]); }
  /// Room for the tile that comes next, of a store of two copies.
  [[nodiscard]] T* next_values(std::size_t instance) {
    return at_copy(instance, copy_[instance] ^ 1U);
  }

  /// Whether an instance holds just the tile that its grid stands at.
  [[nodiscard]] bool holds_now(std::size_t instance) const {
    if (holds_[instance] == 0) return false;
    for (std::size_t a = 0; a < grid_.axes(); ++a) {
      if (!(set(instance, a) == grid_.now(a, grid_.lane(a, instance)))) return false;
    }
    return true;
  }
  /// Hold the tile that the grid stands at.
  void hold_now(std::size_t instance) {
    holds_[instance] = 1;
    std::int64_t words = 1;
    for (std::size_t a = grid_.axes(); a-- > 0;) {
      const AxisSet& now = grid_.now(a, grid_.lane(a, instance));
      sets_[instance * grid_.axes() + a] = now;
      strides_[instance * grid_.axes() + a] = words;
      words *= now.count;
    }
    words_[instance] = static_cast<std::size_t>(words);
  }
  /// The next tile is the one to look at from here on.
  void turn(std::size_t instance) { copy_[instance] ^= 1U; }
  void let_go(std::size_t instance) { holds_[instance] = 0; }

 private:
  static std::size_t words_needed(const TileGrid& grid, const Instances& instances,
                                  std::size_t copies) {
    const std::uint64_t each = static_cast<std::uint64_t>(instances.count()) * copies;
    if (grid.most_words() > std::numeric_limits<std::int64_t>::max() / sizeof(T) / each) {
      throw std::bad_alloc();
    }
    return static_cast<std::size_t>(grid.most_words() * each);
  }
  [[nodiscard]] T* at_copy(std::size_t instance, std::size_t copy) {
    return outside_ != nullptr ? outside_ : values_.data() + (instance * copies_ + copy) * room_;
  }

  TileGrid grid_;
  std::size_t room_ = 1;
  T* outside_ = nullptr;
  std::size_t copies_ = 1;
  std::vector<T> values_;
  std::vector<std::uint8_t> copy_;  ///< by instance: which one is current
  std::vector<std::uint8_t> holds_;
  std::vector<std::size_t> words_;     ///< by instance
  std::vector<AxisSet> sets_;          ///< by instance and axis
  std::vector<std::int64_t> strides_;  ///< likewise
};

}  // namespace dnnaccel::sim::tiles
