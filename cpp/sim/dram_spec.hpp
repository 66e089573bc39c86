#pragma once

#include <array>
#include <cstdint>
#include <vector>

/// What a DRAM is: its sizes, its timing parameters and its energies, as a data sheet states them.
/// Cycles are cycles of the memory's clock; data move on both of its edges.
namespace dnnaccel::sim::dram {

constexpr std::uint32_t kMaxBanks = 64;  ///< of a channel: sets of banks are the bits of one word

/// Sizes. A channel has its own bus, commands and banks; the devices of a channel work as one.
struct Organization {
  std::uint32_t channels = 1;
  std::uint32_t bank_groups = 1;
  std::uint32_t banks_per_group = 1;
  std::uint64_t rows = 1;       ///< of a bank
  std::uint32_t row_bytes = 1;  ///< that an open row holds, over all devices of the channel
  std::uint32_t bus_bits = 1;   ///< data wires of a channel
  std::uint32_t burst_length = 2;

  [[nodiscard]] std::uint32_t banks() const { return bank_groups * banks_per_group; }
  [[nodiscard]] std::uint32_t burst_bytes() const { return bus_bits / 8 * burst_length; }
  [[nodiscard]] std::uint32_t burst_cycles() const { return burst_length / 2; }
  [[nodiscard]] std::uint32_t columns() const { return row_bytes / burst_bytes(); }
  [[nodiscard]] std::uint64_t capacity_bytes() const {
    return std::uint64_t{channels} * banks() * rows * row_bytes;
  }
};

/// Least cycles between commands, by the names of the data sheets without their t.
/// _s is for banks of different groups, _l for banks of one group.
struct Timing {
  std::uint32_t rcd = 0;               ///< activate to read
  std::uint32_t rcd_write = 0;         ///< activate to write
  std::uint32_t rp = 0;                ///< precharge to activate
  std::uint32_t rp_all = 0;            ///< precharge of all banks to activate or refresh
  std::uint32_t ras = 0;               ///< activate to precharge
  std::uint32_t rc = 0;                ///< activate to activate of one bank
  std::uint32_t rrd_s = 0, rrd_l = 0;  ///< activate to activate of another bank
  std::uint32_t faw = 0;               ///< any five activates take longer than this
  std::uint32_t cl = 0, cwl = 0;       ///< read, write to the first of its data
  std::uint32_t ccd_s = 0, ccd_l = 0;  ///< read to read, write to write
  std::uint32_t wtr_s = 0, wtr_l = 0;  ///< last data written to read
  std::uint32_t rtw = 0;               ///< read to write
  std::uint32_t wr = 0;                ///< last data written to precharge
  std::uint32_t rtp = 0;               ///< read to precharge
  std::uint32_t ppd = 0;               ///< precharge to precharge
  std::uint32_t refi = 0;              ///< average from refresh to refresh; 0: never refreshed
  std::uint32_t rfc = 0;               ///< refresh to activate

  /// Cycles for which a command holds the command bus.
  std::uint32_t activate_cycles = 1, column_cycles = 1, precharge_cycles = 1, refresh_cycles = 1;
  bool split_command_bus = false;  ///< reads and writes have a bus of their own, as in HBM
};

/// A part of an address. Which part stands where is the address mapping.
enum class Field : std::uint8_t { channel, bank_group, bank, row, column };
constexpr std::size_t kFields = 5;

/// Energy in pJ of what one channel does.
struct Energies {
  double activate_pj = 0;  ///< an activate and its precharge
  double read_pj = 0;      ///< a burst, inside the devices
  double write_pj = 0;
  double read_io_pj = 0;  ///< the same burst, over the wires
  double write_io_pj = 0;
  double refresh_pj = 0;
  double active_pj_per_cycle = 0;  ///< while a row is open or the refresh goes on
  double idle_pj_per_cycle = 0;    ///< while all banks are precharged
};

struct Spec {
  Organization organization;
  Timing timing;
  std::array<Field, kFields> mapping = {Field::row, Field::bank, Field::column, Field::bank_group,
                                        Field::channel};  ///< most significant first
  bool xor_banks = false;  ///< the bank is mixed with the low bits of the row
  Energies energies;
};

/// Throws std::invalid_argument, with one sentence, unless the numbers make a memory.
void check(const Spec& spec);

/// One supply of a device and the currents it gives, in mA, by the data sheets' names.
struct Rail {
  double volts = 0;
  double idd0 = 0;   ///< activates and precharges, one after the other
  double idd2n = 0;  ///< all banks precharged
  double idd3n = 0;  ///< a row open
  double idd4r = 0;  ///< reads, one after the other
  double idd4w = 0;
  double idd5b = 0;  ///< refreshes, one after the other
};

/// What the rails of a channel's `devices` take, as Micron's TN-41-01 derives it from the currents:
/// what an action takes is what the current exceeds the one of doing nothing by, over its time.
/// Wires are not in these currents. `clock_ns` is the time of a cycle.
/// Throws std::invalid_argument where a current of an action is below the one of doing nothing.
Energies energies_of(const std::vector<Rail>& rails, std::uint32_t devices,
                     const Organization& organization, const Timing& timing, double clock_ns);

/// What happened, over all channels.
struct Counts {
  std::uint64_t activates = 0;
  std::uint64_t precharges = 0;  ///< of single banks
  std::uint64_t precharges_all = 0;
  std::uint64_t reads = 0;  ///< bursts
  std::uint64_t writes = 0;
  std::uint64_t refreshes = 0;
  std::uint64_t active_cycles = 0;  ///< of channels, with a row open or in refresh
  std::uint64_t idle_cycles = 0;
};

struct EnergyByKind {
  double activate_pj = 0;
  double read_pj = 0;
  double write_pj = 0;
  double io_pj = 0;
  double refresh_pj = 0;
  double background_pj = 0;
};

/// Counts times energies.
EnergyByKind price(const Counts& counts, const Energies& energies);

}  // namespace dnnaccel::sim::dram
