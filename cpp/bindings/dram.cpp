#include "bindings/dram.hpp"

#include <pybind11/functional.h>
#include <pybind11/numpy.h>
#include <pybind11/stl.h>

#include <optional>
#include <string>

#include "bindings/bindings.hpp"

namespace py = pybind11;

namespace dnnaccel::bindings {

namespace {

namespace dram = sim::dram;

using Progress = std::optional<std::function<py::object(std::uint64_t)>>;
template <typename T>
using Array = py::array_t<T, py::array::c_style | py::array::forcecast>;
using CommandTuple =
    std::tuple<std::uint64_t, std::uint32_t, std::string, std::uint32_t, std::uint64_t>;

constexpr std::array<std::pair<const char*, std::uint32_t dram::Timing::*>, 25> kTimes = {{
    {"tRCD", &dram::Timing::rcd},
    {"tRCDWR", &dram::Timing::rcd_write},
    {"tRP", &dram::Timing::rp},
    {"tRPab", &dram::Timing::rp_all},
    {"tRAS", &dram::Timing::ras},
    {"tRC", &dram::Timing::rc},
    {"tRRD_S", &dram::Timing::rrd_s},
    {"tRRD_L", &dram::Timing::rrd_l},
    {"tFAW", &dram::Timing::faw},
    {"tCL", &dram::Timing::cl},
    {"tCWL", &dram::Timing::cwl},
    {"tCCD_S", &dram::Timing::ccd_s},
    {"tCCD_L", &dram::Timing::ccd_l},
    {"tWTR_S", &dram::Timing::wtr_s},
    {"tWTR_L", &dram::Timing::wtr_l},
    {"tRTW", &dram::Timing::rtw},
    {"tWR", &dram::Timing::wr},
    {"tRTP", &dram::Timing::rtp},
    {"tPPD", &dram::Timing::ppd},
    {"tREFI", &dram::Timing::refi},
    {"tRFC", &dram::Timing::rfc},
    {"activate_cycles", &dram::Timing::activate_cycles},
    {"column_cycles", &dram::Timing::column_cycles},
    {"precharge_cycles", &dram::Timing::precharge_cycles},
    {"refresh_cycles", &dram::Timing::refresh_cycles},
}};

dram::Timing make_timing(const std::map<std::string, std::uint32_t>& cycles,
                         bool split_command_bus) {
  dram::Timing timing;
  timing.split_command_bus = split_command_bus;
  std::size_t known = 0;
  for (const auto& [name, field] : kTimes) {
    if (const auto given = cycles.find(name); given != cycles.end()) {
      timing.*field = given->second;
      ++known;
    }
  }
  if (known != cycles.size() || known != kTimes.size()) {
    throw std::invalid_argument("DRAM timing: state each parameter, and no other");
  }
  return timing;
}

dram::Field field_named(const std::string& name) {
  constexpr std::array<const char*, dram::kFields> names = {"channel", "bank_group", "bank", "row",
                                                            "column"};
  for (std::size_t i = 0; i < names.size(); ++i) {
    if (name == names[i]) return static_cast<dram::Field>(i);
  }
  throw std::invalid_argument("DRAM address mapping: unknown field " + name);
}

dram::Spec make_spec(const dram::Organization& organization, const dram::Timing& timing,
                     const std::array<std::string, dram::kFields>& mapping, bool xor_banks,
                     const dram::Energies& energies) {
  dram::Spec spec{
      .organization = organization, .timing = timing, .xor_banks = xor_banks, .energies = energies};
  std::transform(mapping.begin(), mapping.end(), spec.mapping.begin(), field_named);
  dram::check(spec);
  return spec;
}

dram::Command make_command(std::uint64_t cycle, const std::string& kind, std::uint32_t bank,
                           std::uint64_t row) {
  for (std::size_t i = 0; i < dram::kKinds; ++i) {
    const auto each = static_cast<dram::Kind>(i);
    if (kind == dram::name_of(each))
      return {.cycle = cycle, .kind = each, .bank = bank, .row = row};
  }
  throw std::invalid_argument("DRAM: unknown command " + kind);
}

/// The requests of arrays, which outlive the source.
dram::Source source_of(const Array<std::uint64_t>& addresses, const Array<std::uint64_t>& bytes,
                       const Array<bool>& writes,
                       const std::optional<Array<std::uint64_t>>& arrivals) {
  const py::ssize_t count = addresses.size();
  if (addresses.ndim() != 1 || bytes.ndim() != 1 || writes.ndim() != 1 || bytes.size() != count ||
      writes.size() != count ||
      (arrivals && (arrivals->ndim() != 1 || arrivals->size() != count))) {
    throw std::invalid_argument("DRAM: give one address, size and direction for each request");
  }
  return [a = addresses.data(), b = bytes.data(), w = writes.data(),
          t = arrivals ? arrivals->data() : nullptr, count,
          i = py::ssize_t{0}](dram::Request& request) mutable {
    if (i == count) return false;
    request = {.span = {a[i], b[i]}, .write = w[i], .arrival = t == nullptr ? 0 : t[i]};
    ++i;
    return true;
  };
}

/// What a run gave: statistics, the log if asked for, the ends of requests if asked for.
DramRun run(const dram::Spec& spec, const dram::Policy& policy, const dram::Source& source,
            std::size_t log_limit, bool keep_finish, const Progress& progress) {
  DramRun result;
  const dram::Sinks sinks{.log = log_limit > 0 ? &result.log : nullptr,
                          .log_limit = log_limit,
                          .finish = keep_finish ? &result.finish : nullptr};
  const py::gil_scoped_release release;
  result.stats = dram::simulate(
      spec, policy, source,
      [&](std::uint64_t done) {
        const py::gil_scoped_acquire acquire;
        if (PyErr_CheckSignals() != 0) throw py::error_already_set();
        return !progress || !(*progress)(done).is(py::bool_(false));
      },
      sinks);
  return result;
}

std::vector<CommandTuple> log_of(const DramRun& result) {
  std::vector<CommandTuple> commands;
  for (const dram::Command& c : result.log) {
    commands.emplace_back(c.cycle, c.channel, std::string(dram::name_of(c.kind)), c.bank, c.row);
  }
  return commands;
}

py::dict counts_of(const dram::Stats& stats) {
  py::dict counts;
  counts["requests"] = stats.requests;
  counts["bytes_read"] = stats.bytes_read;
  counts["bytes_written"] = stats.bytes_written;
  counts["first_arrival"] = stats.first_arrival;
  counts["cycles"] = stats.cycles;
  counts["row_hits"] = stats.service.row_hits;
  counts["row_misses"] = stats.service.row_misses;
  counts["row_conflicts"] = stats.service.row_conflicts;
  counts["latency_cycles"] = stats.service.latency_cycles;
  counts["max_latency_cycles"] = stats.service.max_latency_cycles;
  counts["activates"] = stats.counts.activates;
  counts["precharges"] = stats.counts.precharges;
  counts["precharges_all"] = stats.counts.precharges_all;
  counts["reads"] = stats.counts.reads;
  counts["writes"] = stats.counts.writes;
  counts["refreshes"] = stats.counts.refreshes;
  counts["active_cycles"] = stats.counts.active_cycles;
  counts["idle_cycles"] = stats.counts.idle_cycles;
  return counts;
}

py::dict energy_of(const dram::Stats& stats) {
  py::dict energy;
  energy["activate"] = stats.energy.activate_pj;
  energy["read"] = stats.energy.read_pj;
  energy["write"] = stats.energy.write_pj;
  energy["io"] = stats.energy.io_pj;
  energy["refresh"] = stats.energy.refresh_pj;
  energy["background"] = stats.energy.background_pj;
  return energy;
}

void register_specification(py::module_& module) {
  py::class_<dram::Organization>(module, "DramOrganization", "Sizes of a DRAM.")
      .def(py::init([](std::uint32_t channels, std::uint32_t bank_groups,
                       std::uint32_t banks_per_group, std::uint64_t rows, std::uint32_t row_bytes,
                       std::uint32_t bus_bits, std::uint32_t burst_length) {
             return dram::Organization{channels,  bank_groups, banks_per_group, rows,
                                       row_bytes, bus_bits,    burst_length};
           }),
           py::kw_only(), py::arg("channels"), py::arg("bank_groups"), py::arg("banks_per_group"),
           py::arg("rows"), py::arg("row_bytes"), py::arg("bus_bits"), py::arg("burst_length"));
  py::class_<dram::Timing>(module, "DramTiming", "Least cycles between commands.")
      .def(py::init(&make_timing), py::arg("cycles"), py::arg("split_command_bus"));
  py::class_<dram::Energies>(module, "DramEnergies", "Energy in pJ of what one channel does.")
      .def(py::init([](double activate, double read, double write, double read_io, double write_io,
                       double refresh, double active, double idle) {
             return dram::Energies{activate, read, write, read_io, write_io, refresh, active, idle};
           }),
           py::kw_only(), py::arg("activate_pj"), py::arg("read_pj"), py::arg("write_pj"),
           py::arg("read_io_pj"), py::arg("write_io_pj"), py::arg("refresh_pj"),
           py::arg("active_pj_per_cycle"), py::arg("idle_pj_per_cycle"))
      .def_readonly("activate_pj", &dram::Energies::activate_pj)
      .def_readonly("read_pj", &dram::Energies::read_pj)
      .def_readonly("write_pj", &dram::Energies::write_pj)
      .def_readonly("refresh_pj", &dram::Energies::refresh_pj)
      .def_readonly("active_pj_per_cycle", &dram::Energies::active_pj_per_cycle)
      .def_readonly("idle_pj_per_cycle", &dram::Energies::idle_pj_per_cycle);
  module.def(
      "dram_energies",
      [](const std::vector<std::array<double, 7>>& rails, std::uint32_t devices,
         const dram::Organization& organization, const dram::Timing& timing, double clock_ns) {
        std::vector<dram::Rail> lowered;
        for (const auto& r : rails) lowered.push_back({r[0], r[1], r[2], r[3], r[4], r[5], r[6]});
        return dram::energies_of(lowered, devices, organization, timing, clock_ns);
      },
      py::arg("rails"), py::arg("devices"), py::arg("organization"), py::arg("timing"),
      py::arg("clock_ns"),
      "Energies from the currents of each rail: (volts, IDD0, IDD2N, IDD3N, IDD4R, IDD4W, IDD5B) "
      "in V and mA.");
  py::class_<dram::Spec>(module, "DramSpec", "A DRAM, lowered.")
      .def(py::init(&make_spec), py::kw_only(), py::arg("organization"), py::arg("timing"),
           py::arg("mapping"), py::arg("xor_banks"), py::arg("energies"));
  py::class_<dram::Policy>(module, "DramPolicy", "What the controller is free to decide.")
      .def(py::init(
               [](std::uint32_t window, std::uint32_t batch, std::uint32_t max_hits,
                  bool closed_page) { return dram::Policy{window, batch, max_hits, closed_page}; }),
           py::kw_only(), py::arg("window"), py::arg("batch"), py::arg("max_hits"),
           py::arg("closed_page"));
}

void register_gates(py::module_& module) {
  py::class_<dram::Gates>(module, "DramGates", "The timing gates of one channel.")
      .def(py::init(
               [](const dram::Spec& spec) { return dram::Gates(spec.organization, spec.timing); }),
           py::arg("spec"))
      .def(
          "earliest",
          [](const dram::Gates& gates, const std::string& kind, std::uint32_t bank) {
            if (bank >= gates.banks()) throw std::invalid_argument("DRAM: no such bank");
            const auto first = gates.earliest(make_command(0, kind, bank, 0).kind, bank);
            return std::pair(first.cycle, std::string(dram::name_of(first.gate)));
          },
          py::arg("kind"), py::arg("bank") = 0,
          "The first cycle at which a command may issue, and the gate that opens last.")
      .def(
          "issue",
          [](dram::Gates& gates, std::uint64_t cycle, const std::string& kind, std::uint32_t bank,
             std::uint64_t row) { gates.issue(make_command(cycle, kind, bank, row)); },
          py::arg("cycle"), py::arg("kind"), py::arg("bank") = 0, py::arg("row") = 0,
          "Issue a command; ValueError if it is too early, or the bank is not as it needs.");
}

void register_runs(py::module_& module) {
  py::class_<DramRun>(module, "DramRun", "What a simulation of a DRAM gave.")
      .def_property_readonly("counts",
                             [](const DramRun& result) { return counts_of(result.stats); })
      .def_property_readonly("energy_pj",
                             [](const DramRun& result) { return energy_of(result.stats); })
      .def_property_readonly("log", &log_of)
      .def_property_readonly("finish", [](const DramRun& result) {
        return py::array_t<std::uint64_t>(static_cast<py::ssize_t>(result.finish.size()),
                                          result.finish.data());
      });
  module.def(
      "dram_run_pattern",
      [](const dram::Spec& spec, const dram::Policy& policy, const std::string& order,
         std::uint64_t requests, std::uint64_t bytes, std::uint64_t stride, std::uint64_t start,
         std::uint64_t range, std::uint32_t writes_per_1024, std::uint64_t interval,
         std::uint64_t seed, std::size_t log_limit, bool keep_finish, const Progress& progress) {
        const bool random = order == "random";
        if (!random && order != "strided") {
          throw std::invalid_argument("DRAM pattern: unknown order " + order);
        }
        const dram::Pattern pattern{
            random ? dram::Pattern::Order::random : dram::Pattern::Order::strided,
            requests,
            bytes,
            stride,
            start,
            range,
            writes_per_1024,
            interval,
            seed};
        return run(spec, policy, dram::source_of(pattern), log_limit, keep_finish, progress);
      },
      py::arg("spec"), py::arg("policy"), py::kw_only(), py::arg("order"), py::arg("requests"),
      py::arg("bytes"), py::arg("stride"), py::arg("start"), py::arg("range"),
      py::arg("writes_per_1024"), py::arg("interval"), py::arg("seed"), py::arg("log_limit"),
      py::arg("keep_finish"), py::arg("progress"),
      "Simulate requests made by rule. progress(done) may return False to end them.");
  module.def(
      "dram_run_arrays",
      [](const dram::Spec& spec, const dram::Policy& policy, const Array<std::uint64_t>& addresses,
         const Array<std::uint64_t>& bytes, const Array<bool>& writes,
         const std::optional<Array<std::uint64_t>>& arrivals, std::size_t log_limit,
         bool keep_finish, const Progress& progress) {
        return run(spec, policy, source_of(addresses, bytes, writes, arrivals), log_limit,
                   keep_finish, progress);
      },
      py::arg("spec"), py::arg("policy"), py::kw_only(), py::arg("addresses"), py::arg("bytes"),
      py::arg("writes"), py::arg("arrivals"), py::arg("log_limit"), py::arg("keep_finish"),
      py::arg("progress"), "Simulate the requests of arrays, in order.");
  py::class_<dram::Memory>(module, "DramMemory", "A DRAM that is asked one transfer at a time.")
      .def(py::init<const dram::Spec&, const dram::Policy&>(), py::arg("spec"), py::arg("policy"))
      .def(
          "transfer",
          [](dram::Memory& memory, std::uint64_t start_cycle,
             const std::vector<std::pair<std::uint64_t, std::uint64_t>>& spans, bool write) {
            std::vector<dram::Span> lowered;
            for (const auto& [address, bytes] : spans) lowered.push_back({address, bytes});
            const py::gil_scoped_release release;
            return memory.transfer(start_cycle, lowered, write);
          },
          py::arg("start_cycle"), py::arg("spans"), py::arg("write"),
          "Move spans (address, bytes); the cycle by which the last byte has moved.");
  module.def(
      "dram_locate",
      [](const dram::Spec& spec, std::uint64_t burst) {
        const dram::Location place = dram::AddressMap(spec).locate(burst);
        return std::tuple(place.channel, place.bank, place.row, place.column);
      },
      py::arg("spec"), py::arg("burst"), "Channel, bank, row and column of a burst.");
}

}  // namespace

void register_dram(py::module_& module) {
  register_specification(module);
  register_gates(module);
  register_runs(module);
}

}  // namespace dnnaccel::bindings
