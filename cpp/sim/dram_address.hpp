#pragma once

#include <array>
#include <cstdint>

#include "sim/dram_spec.hpp"

namespace dnnaccel::sim::dram {

/// Where a burst is.
struct Location {
  std::uint32_t channel = 0;
  std::uint32_t bank = 0;  ///< of the channel: group x banks of a group + bank of the group
  std::uint64_t row = 0;
  std::uint32_t column = 0;  ///< of the row, in bursts

  friend bool operator==(const Location&, const Location&) = default;
};

/// The address mapping: consecutive bursts first go over the field that stands last, then over the
/// one before it. With `xor_banks` the bank's bits are mixed with the row's lowest ones
/// (permutation-based interleaving: Zhang, Zhu and Zhang, MICRO 2000), so that equal strides of
/// rows meet different banks.
class AddressMap {
 public:
  explicit AddressMap(const Spec& spec);

  /// The place of burst number `burst`: an address over the bytes of a burst.
  [[nodiscard]] Location locate(std::uint64_t burst) const;
  /// The burst at a place.
  [[nodiscard]] std::uint64_t burst_at(const Location& place) const;

 private:
  [[nodiscard]] std::uint32_t mixed(std::uint32_t bank, std::uint64_t row) const {
    return xor_banks_ ? bank ^ static_cast<std::uint32_t>(row & (banks_ - 1)) : bank;
  }

  std::array<Field, kFields> fields_;         ///< least significant first
  std::array<std::uint64_t, kFields> sizes_;  ///< by place in fields_
  std::uint32_t banks_per_group_;
  std::uint32_t banks_;
  bool xor_banks_;
};

}  // namespace dnnaccel::sim::dram
