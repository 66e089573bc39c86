#pragma once

#include <cstdint>
#include <utility>
#include <vector>

namespace dnnaccel::base {

/// Mix a value into a hash.
constexpr std::uint64_t mix(std::uint64_t hash, std::uint64_t value) {
  hash = (hash ^ value) * 0x9e3779b97f4a7c15ULL;
  return hash ^ (hash >> 29);
}

/// Numbers by 64-bit key, with open addressing: one cache line for most look-ups, where a search
/// makes several per mapping.
class NumberMap {
 public:
  static constexpr std::uint32_t kNone = ~0U;

  /// The number under a key for which `is_it(number)` holds, or kNone. Where keys are hashes,
  /// `is_it` compares what was hashed.
  template <typename IsIt>
  [[nodiscard]] std::uint32_t find(std::uint64_t key, IsIt is_it) const {
    if (places_.empty()) return kNone;
    for (std::size_t i = home(key); places_[i].number != kNone; i = (i + 1) & mask()) {
      if (places_[i].key == key && is_it(places_[i].number)) return places_[i].number;
    }
    return kNone;
  }

  [[nodiscard]] std::uint32_t find(std::uint64_t key) const {
    return find(key, [](std::uint32_t) { return true; });
  }

  void insert(std::uint64_t key, std::uint32_t number) {
    if (2 * (used_ + 1) > places_.size()) grow();
    ++used_;
    put({key, number});
  }

 private:
  struct Place {
    std::uint64_t key = 0;
    std::uint32_t number = kNone;
  };

  [[nodiscard]] std::size_t mask() const { return places_.size() - 1; }
  [[nodiscard]] std::size_t home(std::uint64_t key) const {
    return static_cast<std::size_t>(key * 0x9e3779b97f4a7c15ULL >> 32) & mask();
  }

  void put(const Place& place) {
    std::size_t i = home(place.key);
    while (places_[i].number != kNone) i = (i + 1) & mask();
    places_[i] = place;
  }

  void grow() {
    const std::vector<Place> old =
        std::exchange(places_, std::vector<Place>(places_.empty() ? 16 : 2 * places_.size()));
    for (const Place& place : old) {
      if (place.number != kNone) put(place);
    }
  }

  std::vector<Place> places_;  ///< a power of two
  std::size_t used_ = 0;
};

}  // namespace dnnaccel::base
