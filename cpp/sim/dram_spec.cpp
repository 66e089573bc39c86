#include "sim/dram_spec.hpp"

#include <algorithm>
#include <bit>
#include <stdexcept>
#include <string>

namespace dnnaccel::sim::dram {

namespace {

constexpr std::uint64_t kMaxCapacity = std::uint64_t{1} << 50;
constexpr std::uint32_t kMaxCycles = 1'000'000;

void require(bool holds, const std::string& sentence) {
  if (!holds) throw std::invalid_argument("DRAM: " + sentence);
}

void check_sizes(const Organization& sizes) {
  require(sizes.channels >= 1 && sizes.channels <= 1024, "channels must be 1 to 1024");
  require(sizes.bank_groups >= 1 && sizes.banks_per_group >= 1, "bank counts must be at least 1");
  require(sizes.bank_groups <= kMaxBanks && sizes.banks_per_group <= kMaxBanks &&
              sizes.banks() <= kMaxBanks,
          "a channel has at most " + std::to_string(kMaxBanks) + " banks");
  require(sizes.bus_bits >= 8 && sizes.bus_bits % 8 == 0 && sizes.bus_bits <= 4096,
          "bus_bits must be a multiple of 8, at most 4096");
  require(sizes.burst_length >= 2 && sizes.burst_length % 2 == 0 && sizes.burst_length <= 256,
          "burst_length must be even, since data move on both edges of the clock, and at most 256");
  require(sizes.row_bytes >= sizes.burst_bytes() && sizes.row_bytes % sizes.burst_bytes() == 0,
          "row_bytes must be a multiple of a burst's " + std::to_string(sizes.burst_bytes()) +
              " bytes");
  require(sizes.rows >= 1 && sizes.rows <= (std::uint64_t{1} << 32), "rows must be 1 to 2^32");
  require(sizes.row_bytes <= (1u << 24) && sizes.capacity_bytes() <= kMaxCapacity,
          "the capacity must be at most 2^50 bytes");
}

void check_times(const Timing& times, const Organization& sizes) {
  for (const std::uint32_t value :
       {times.rcd,   times.rcd_write, times.rp,    times.rp_all, times.ras, times.rc,
        times.rrd_s, times.rrd_l,     times.faw,   times.cl,     times.cwl, times.ccd_s,
        times.ccd_l, times.wtr_s,     times.wtr_l, times.rtw,    times.wr,  times.rtp,
        times.ppd,   times.rfc,       times.refi}) {
    require(value <= kMaxCycles, "times must be at most " + std::to_string(kMaxCycles) + " cycles");
  }
  for (const std::uint32_t value :
       {times.activate_cycles, times.column_cycles, times.precharge_cycles, times.refresh_cycles}) {
    require(value >= 1 && value <= 16, "a command holds the bus for 1 to 16 cycles");
  }
  const std::uint32_t burst = sizes.burst_cycles();
  require(std::min(times.ccd_s, times.ccd_l) >= burst,
          "tCCD_S and tCCD_L must be at least the " + std::to_string(burst) +
              " cycles that a burst takes, or data would collide");
  require(times.rtw + times.cwl >= times.cl + burst,
          "tRTW must be at least tCL + " + std::to_string(burst) +
              " (the burst) - tCWL, or data written would collide with data read");
  require(times.rc >= times.ras, "tRC must be at least tRAS");
  // Between two refreshes a row must open, give a burst and close again, or nothing would ever
  // move.
  const std::uint64_t work = std::uint64_t{times.rfc} + 2 * times.rp_all + times.rp + times.rc +
                             times.ras + times.rcd + times.rcd_write + times.rrd_l + times.faw +
                             times.cl + times.cwl + burst + times.ccd_l + times.wtr_l + times.rtw +
                             times.wr + times.rtp + times.ppd + 64;
  require(times.refi == 0 || times.refi > work,
          "tREFI must leave time for work between refreshes: more than " + std::to_string(work) +
              " cycles, with these times");
}

}  // namespace

void check(const Spec& spec) {
  check_sizes(spec.organization);
  check_times(spec.timing, spec.organization);
  std::array<bool, kFields> seen{};
  for (const Field field : spec.mapping) {
    require(static_cast<std::size_t>(field) < kFields && !seen[static_cast<std::size_t>(field)],
            "the address mapping must name each of its five fields once");
    seen[static_cast<std::size_t>(field)] = true;
  }
  const std::uint32_t banks = spec.organization.banks();
  require(!spec.xor_banks || std::has_single_bit(banks),
          "xor_banks needs a number of banks that is a power of two, not " + std::to_string(banks));
}

Energies energies_of(const std::vector<Rail>& rails, std::uint32_t devices,
                     const Organization& organization, const Timing& timing, double clock_ns) {
  Energies sum;
  const double burst = organization.burst_cycles();
  const double cycle_activate = timing.rc, open = timing.ras;
  for (const Rail& rail : rails) {
    // V x mA x ns is pJ.
    const double per_cycle = rail.volts * devices * clock_ns;
    const double at_rest = rail.idd3n * open + rail.idd2n * (cycle_activate - open);
    require(rail.idd0 * cycle_activate >= at_rest,
            "IDD0 is below what IDD3N over tRAS and IDD2N over the rest of tRC come to");
    require(std::min({rail.idd4r, rail.idd4w, rail.idd5b}) >= rail.idd3n,
            "IDD4R, IDD4W and IDD5B must be at least IDD3N, over which they are counted");
    sum.activate_pj += per_cycle * (rail.idd0 * cycle_activate - at_rest);
    sum.read_pj += per_cycle * (rail.idd4r - rail.idd3n) * burst;
    sum.write_pj += per_cycle * (rail.idd4w - rail.idd3n) * burst;
    sum.refresh_pj += per_cycle * (rail.idd5b - rail.idd3n) * timing.rfc;
    sum.active_pj_per_cycle += per_cycle * rail.idd3n;
    sum.idle_pj_per_cycle += per_cycle * rail.idd2n;
  }
  return sum;
}

EnergyByKind price(const Counts& counts, const Energies& energies) {
  const auto reads = static_cast<double>(counts.reads);
  const auto writes = static_cast<double>(counts.writes);
  return {
      .activate_pj = static_cast<double>(counts.activates) * energies.activate_pj,
      .read_pj = reads * energies.read_pj,
      .write_pj = writes * energies.write_pj,
      .io_pj = reads * energies.read_io_pj + writes * energies.write_io_pj,
      .refresh_pj = static_cast<double>(counts.refreshes) * energies.refresh_pj,
      .background_pj = static_cast<double>(counts.active_cycles) * energies.active_pj_per_cycle +
                       static_cast<double>(counts.idle_cycles) * energies.idle_pj_per_cycle,
  };
}

}  // namespace dnnaccel::sim::dram
