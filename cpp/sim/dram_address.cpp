#include "sim/dram_address.hpp"

#include <algorithm>
#include <bit>

namespace dnnaccel::sim::dram {

namespace {

std::uint64_t size_of(Field field, const Organization& sizes) {
  switch (field) {
    case Field::channel:
      return sizes.channels;
    case Field::bank_group:
      return sizes.bank_groups;
    case Field::bank:
      return sizes.banks_per_group;
    case Field::row:
      return sizes.rows;
    case Field::column:
      return sizes.columns();
  }
  return 1;
}

}  // namespace

AddressMap::AddressMap(const Spec& spec)
    : fields_(spec.mapping),
      banks_per_group_(spec.organization.banks_per_group),
      banks_(spec.organization.banks()),
      xor_banks_(spec.xor_banks) {
  std::reverse(fields_.begin(), fields_.end());
  for (std::size_t i = 0; i < kFields; ++i) sizes_[i] = size_of(fields_[i], spec.organization);
}

Location AddressMap::locate(std::uint64_t burst) const {
  std::array<std::uint64_t, kFields> value;
  for (std::size_t i = 0; i < kFields; ++i) {
    const std::uint64_t size = sizes_[i];
    // Sizes are powers of two but for odd memories, and a division is slow.
    const bool power = std::has_single_bit(size);
    value[static_cast<std::size_t>(fields_[i])] = power ? burst & (size - 1) : burst % size;
    burst = power ? burst >> std::countr_zero(size) : burst / size;
  }
  const auto of = [&](Field field) { return value[static_cast<std::size_t>(field)]; };
  const auto bank =
      static_cast<std::uint32_t>(of(Field::bank_group) * banks_per_group_ + of(Field::bank));
  return {.channel = static_cast<std::uint32_t>(of(Field::channel)),
          .bank = mixed(bank, of(Field::row)),
          .row = of(Field::row),
          .column = static_cast<std::uint32_t>(of(Field::column))};
}

std::uint64_t AddressMap::burst_at(const Location& place) const {
  const std::uint32_t bank = mixed(place.bank, place.row);
  std::array<std::uint64_t, kFields> value;
  value[static_cast<std::size_t>(Field::channel)] = place.channel;
  value[static_cast<std::size_t>(Field::bank_group)] = bank / banks_per_group_;
  value[static_cast<std::size_t>(Field::bank)] = bank % banks_per_group_;
  value[static_cast<std::size_t>(Field::row)] = place.row;
  value[static_cast<std::size_t>(Field::column)] = place.column;
  std::uint64_t burst = 0;
  for (std::size_t i = kFields; i-- > 0;) {
    burst = burst * sizes_[i] + value[static_cast<std::size_t>(fields_[i])];
  }
  return burst;
}

}  // namespace dnnaccel::sim::dram
