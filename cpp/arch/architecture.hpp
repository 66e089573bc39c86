#pragma once

#include <array>
#include <cstdint>
#include <limits>
#include <string>
#include <variant>
#include <vector>

#include "problem/problem.hpp"

namespace dnnaccel::arch {

using problem::kRoles;

inline constexpr int kMaxLevels = 16;
inline constexpr std::uint64_t kUnlimitedWords = std::numeric_limits<std::uint64_t>::max();
inline constexpr double kUnlimitedBandwidth = std::numeric_limits<double>::infinity();

/// How a memory is refilled. `single`: one tile fits, and filling it is exposed. `twofold`: two
/// tiles must fit, and filling hides behind use. `stream`: one tile fits, and new words take the
/// place of used ones.
enum class Buffering : std::uint8_t { single, twofold, stream };

/// One memory. Words are `word_bits` wide; energies are per word, bandwidths in words per cycle of
/// one instance.
struct Memory {
  std::string name;
  std::uint64_t capacity_words = kUnlimitedWords;
  int word_bits = 16;
  std::uint32_t keeps = problem::kAllRoles;
  double read_energy = 0;
  double write_energy = 0;
  double read_bandwidth = kUnlimitedBandwidth;
  double write_bandwidth = kUnlimitedBandwidth;
  double shared_bandwidth = kUnlimitedBandwidth;
  Buffering buffering = Buffering::single;
};

/// A set of dims by name, or all of them: a chip does not know which dims a problem will have.
struct DimSet {
  bool all = false;
  std::vector<std::string> names;
  [[nodiscard]] std::uint32_t mask(const problem::Problem& problem) const;
};

enum class Charge : std::uint8_t { none, delivery, hop };

/// One fan-out: a grid of instances of everything below it, and the network that feeds them.
struct Array {
  std::string name;
  std::int64_t rows = 1;
  std::int64_t columns = 1;
  DimSet multicast;            ///< dims across which one word sent serves several instances
  DimSet reduce;               ///< dims whose partial sums add on the way up
  std::uint32_t forwards = 0;  ///< roles whose words an instance may take from a sibling
  std::array<Charge, kRoles> charge = {Charge::none, Charge::none, Charge::none};
  double energy = 0;  ///< per charged word
  /// Words per cycle of each role that one instance of the array's network carries, each way.
  std::array<double, kRoles> bandwidth = {kUnlimitedBandwidth, kUnlimitedBandwidth,
                                          kUnlimitedBandwidth};
};

using Level = std::variant<Memory, Array>;

/// The hierarchy, outermost first; the compute units stand below the last level.
struct Architecture {
  std::vector<Level> levels;
  double mac_energy = 0;
  double leakage_energy = 0;  ///< of the whole chip, per cycle

  [[nodiscard]] const Memory* memory(int level) const {
    return std::get_if<Memory>(&levels[static_cast<std::size_t>(level)]);
  }
  [[nodiscard]] const Array* array(int level) const {
    return std::get_if<Array>(&levels[static_cast<std::size_t>(level)]);
  }
  [[nodiscard]] int size() const { return static_cast<int>(levels.size()); }
  [[nodiscard]] std::uint64_t mac_units() const;

  /// Throws std::invalid_argument if the hierarchy is no chip.
  void validate() const;
};

}  // namespace dnnaccel::arch
