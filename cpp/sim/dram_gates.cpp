#include "sim/dram_gates.hpp"

#include <string>

namespace dnnaccel::sim::dram {

namespace {

constexpr std::array<std::string_view, kKinds> kKindNames = {
    "activate", "precharge", "precharge_all", "read", "write", "refresh"};
constexpr std::array<std::string_view, kGates> kGateNames = {
    "none",   "command_bus", "tRCD", "tRP",    "tRPab",  "tRAS",   "tRC",
    "tRRD_S", "tRRD_L",      "tFAW", "tCCD_S", "tCCD_L", "tWTR_S", "tWTR_L",
    "tRTW",   "tWR",         "tRTP", "tPPD",   "tRFC"};

std::string described(const Command& command) {
  const bool all = command.kind == Kind::refresh || command.kind == Kind::precharge_all;
  return std::string(name_of(command.kind)) +
         (all ? "" : " of bank " + std::to_string(command.bank));
}

}  // namespace

/// The latest of several times, and which gate it came from. The first of equal ones is kept.
class Bound {
 public:
  void after(std::int64_t event, std::uint32_t cycles, Gate gate) {
    const std::int64_t time = event + cycles;
    if (time > time_) {
      time_ = time;
      gate_ = gate;
    }
  }
  [[nodiscard]] Earliest earliest() const { return {static_cast<std::uint64_t>(time_), gate_}; }

 private:
  std::int64_t time_ = 0;
  Gate gate_ = Gate::none;
};

std::string_view name_of(Kind kind) { return kKindNames[static_cast<std::size_t>(kind)]; }
std::string_view name_of(Gate gate) { return kGateNames[static_cast<std::size_t>(gate)]; }

TooEarly::TooEarly(const Command& command, const Earliest& first)
    : std::invalid_argument(described(command) + " at cycle " + std::to_string(command.cycle) +
                            " is too early: " + std::string(name_of(first.gate)) +
                            " allows it at cycle " + std::to_string(first.cycle)),
      earliest(first) {}

Gates::Gates(const Organization& sizes, const Timing& times)
    : times_(times),
      write_end_(Time{times.cwl} + sizes.burst_cycles()),
      banks_(sizes.banks()),
      groups_(sizes.bank_groups) {
  for (std::uint32_t i = 0; i < sizes.banks(); ++i) banks_[i].group = i / sizes.banks_per_group;
  last_activates_.fill(kLongAgo);
}

std::uint32_t Gates::bus_cycles(Kind kind) const {
  switch (kind) {
    case Kind::activate:
      return times_.activate_cycles;
    case Kind::read:
    case Kind::write:
      return times_.column_cycles;
    case Kind::refresh:
      return times_.refresh_cycles;
    default:
      return times_.precharge_cycles;
  }
}

std::size_t Gates::bus_of(Kind kind) const {
  return times_.split_command_bus && (kind == Kind::read || kind == Kind::write) ? 1 : 0;
}

void Gates::before_precharge(Bound& bound, const Bank& bank) const {
  bound.after(bank.activate, times_.ras, Gate::ras);
  bound.after(bank.read, times_.rtp, Gate::rtp);
  bound.after(bank.write + write_end_, times_.wr, Gate::wr);
}

Earliest Gates::earliest(Kind kind, std::uint32_t bank_index) const {
  Bound bound;
  const Bank& bank = banks_[bank_index];
  const Last& group = groups_[bank.group];
  switch (kind) {
    case Kind::activate:
      bound.after(bank.precharge, times_.rp, Gate::rp);
      bound.after(bank.activate, times_.rc, Gate::rc);
      bound.after(group.activate, times_.rrd_l, Gate::rrd_l);
      bound.after(channel_.activate, times_.rrd_s, Gate::rrd_s);
      bound.after(last_activates_[oldest_], times_.faw, Gate::faw);
      bound.after(precharge_all_, times_.rp_all, Gate::rp_all);
      bound.after(refresh_, times_.rfc, Gate::rfc);
      break;
    case Kind::read:
      bound.after(bank.activate, times_.rcd, Gate::rcd);
      bound.after(group.read, times_.ccd_l, Gate::ccd_l);
      bound.after(channel_.read, times_.ccd_s, Gate::ccd_s);
      bound.after(group.write + write_end_, times_.wtr_l, Gate::wtr_l);
      bound.after(channel_.write + write_end_, times_.wtr_s, Gate::wtr_s);
      break;
    case Kind::write:
      bound.after(bank.activate, times_.rcd_write, Gate::rcd);
      bound.after(group.write, times_.ccd_l, Gate::ccd_l);
      bound.after(channel_.write, times_.ccd_s, Gate::ccd_s);
      bound.after(channel_.read, times_.rtw, Gate::rtw);
      break;
    case Kind::precharge:
      before_precharge(bound, bank);
      bound.after(precharge_, times_.ppd, Gate::ppd);
      bound.after(refresh_, times_.rfc, Gate::rfc);
      break;
    case Kind::precharge_all:
      for (const Bank& each : banks_) {
        if (each.open) before_precharge(bound, each);
      }
      bound.after(precharge_, times_.ppd, Gate::ppd);
      bound.after(refresh_, times_.rfc, Gate::rfc);
      break;
    case Kind::refresh:
      bound.after(precharge_, times_.rp, Gate::rp);
      bound.after(precharge_all_, times_.rp_all, Gate::rp_all);
      bound.after(refresh_, times_.rfc, Gate::rfc);
      break;
  }
  bound.after(bus_free_[bus_of(kind)], 0, Gate::command_bus);
  return bound.earliest();
}

void Gates::check_state(const Command& command) const {
  if (command.bank >= banks_.size()) {
    throw std::invalid_argument(described(command) + ": the channel has " +
                                std::to_string(banks_.size()) + " banks");
  }
  const Bank& bank = banks_[command.bank];
  switch (command.kind) {
    case Kind::activate:
      if (bank.open) throw std::domain_error(described(command) + ": it has a row open");
      break;
    case Kind::precharge:
      if (!bank.open) throw std::domain_error(described(command) + ": it has no row open");
      break;
    case Kind::read:
    case Kind::write:
      if (!bank.open || bank.row != command.row) {
        throw std::domain_error(described(command) + ": row " + std::to_string(command.row) +
                                " is not open");
      }
      break;
    case Kind::refresh:
      if (open_banks_ != 0) throw std::domain_error("refresh: a bank has a row open");
      break;
    case Kind::precharge_all:
      break;
  }
}

void Gates::issue(const Command& command) {
  check_state(command);
  const Earliest first = earliest(command.kind, command.bank);
  if (command.cycle < first.cycle) throw TooEarly(command, first);
  const auto now = static_cast<Time>(command.cycle);
  Bank& bank = banks_[command.bank];
  Last& group = groups_[bank.group];
  switch (command.kind) {
    case Kind::activate:
      bank.activate = group.activate = channel_.activate = now;
      last_activates_[oldest_] = now;
      oldest_ = (oldest_ + 1) % last_activates_.size();
      bank.open = true;
      bank.row = command.row;
      ++open_banks_;
      break;
    case Kind::precharge:
      bank.precharge = precharge_ = now;
      bank.open = false;
      --open_banks_;
      break;
    case Kind::precharge_all:
      precharge_ = precharge_all_ = now;
      for (Bank& each : banks_) each.open = false;
      open_banks_ = 0;
      break;
    case Kind::read:
      bank.read = group.read = channel_.read = now;
      break;
    case Kind::write:
      bank.write = group.write = channel_.write = now;
      break;
    case Kind::refresh:
      refresh_ = now;
      break;
  }
  bus_free_[bus_of(command.kind)] = now + bus_cycles(command.kind);
}

void Gates::refreshed_at(std::uint64_t cycle) { refresh_ = static_cast<Time>(cycle); }

}  // namespace dnnaccel::sim::dram
