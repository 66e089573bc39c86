#include "sim/dram.hpp"

#include <set>

#include "support.hpp"

using namespace dnnaccel::sim::dram;

namespace {

/// Two groups of four banks, bursts of 4 cycles and 64 bytes, rows of 4 bursts.
Organization small_sizes() {
  return {.channels = 1,
          .bank_groups = 2,
          .banks_per_group = 4,
          .rows = 16,
          .row_bytes = 256,
          .bus_bits = 64,
          .burst_length = 8};
}

constexpr std::uint32_t kOtherGroup = 4, kSameGroup = 1;

/// Times that differ enough to tell one from another.
Timing plausible() {
  return {.rcd = 14,
          .rcd_write = 10,
          .rp = 13,
          .rp_all = 15,
          .ras = 34,
          .rc = 47,
          .rrd_s = 5,
          .rrd_l = 7,
          .faw = 26,
          .cl = 15,
          .cwl = 11,
          .ccd_s = 4,
          .ccd_l = 6,
          .wtr_s = 3,
          .wtr_l = 8,
          .rtw = 10,
          .wr = 16,
          .rtp = 9,
          .ppd = 0,
          .refi = 0,
          .rfc = 120};
}

Spec spec_of(const Timing& timing) { return {.organization = small_sizes(), .timing = timing}; }

/// One gate: its parameter alone is 50, all others are 0. Commands that go before, the one that is
/// held back, and the cycle that opens it.
struct Case {
  const char* gate;
  std::uint32_t Timing::* parameter;
  std::vector<Command> before;
  Command held;
};

Command act(std::uint64_t cycle, std::uint32_t bank) {
  return {.cycle = cycle, .kind = Kind::activate, .bank = bank, .row = 3};
}
Command pre(std::uint64_t cycle, std::uint32_t bank) {
  return {.cycle = cycle, .kind = Kind::precharge, .bank = bank};
}
Command read(std::uint64_t cycle, std::uint32_t bank) {
  return {.cycle = cycle, .kind = Kind::read, .bank = bank, .row = 3};
}
Command write(std::uint64_t cycle, std::uint32_t bank) {
  return {.cycle = cycle, .kind = Kind::write, .bank = bank, .row = 3};
}
Command pre_all(std::uint64_t cycle) { return {.cycle = cycle, .kind = Kind::precharge_all}; }
Command refresh(std::uint64_t cycle) { return {.cycle = cycle, .kind = Kind::refresh}; }

std::vector<Case> cases() {
  using T = Timing;
  const std::uint32_t far = kOtherGroup, near = kSameGroup;
  return {
      {"tRCD", &T::rcd, {act(10, 0)}, read(60, 0)},
      {"tRCD", &T::rcd_write, {act(10, 0)}, write(60, 0)},
      {"tRP", &T::rp, {act(10, 0), pre(20, 0)}, act(70, 0)},
      {"tRP", &T::rp, {act(10, 0), pre(20, 0)}, refresh(70)},
      {"tRPab", &T::rp_all, {act(10, 0), pre_all(20)}, act(70, far)},
      {"tRPab", &T::rp_all, {act(10, 0), pre_all(20)}, refresh(70)},
      {"tRAS", &T::ras, {act(10, 0)}, pre(60, 0)},
      {"tRAS", &T::ras, {act(10, 0)}, pre_all(60)},
      {"tRC", &T::rc, {act(10, 0), pre(20, 0)}, act(60, 0)},
      {"tRRD_S", &T::rrd_s, {act(10, 0)}, act(60, far)},
      {"tRRD_L", &T::rrd_l, {act(10, 0)}, act(60, near)},
      {"tFAW", &T::faw, {act(10, 0), act(21, 1), act(22, 2), act(23, 3)}, act(60, far)},
      {"tCCD_S", &T::ccd_s, {act(10, 0), act(11, far), read(20, 0)}, read(70, far)},
      {"tCCD_S", &T::ccd_s, {act(10, 0), act(11, far), write(20, 0)}, write(70, far)},
      {"tCCD_L", &T::ccd_l, {act(10, 0), act(11, near), read(20, 0)}, read(70, near)},
      {"tCCD_L", &T::ccd_l, {act(10, 0), act(11, near), write(20, 0)}, write(70, near)},
      // A write's data end 4 cycles after it, since tCWL is 0 here.
      {"tWTR_S", &T::wtr_s, {act(10, 0), act(11, far), write(20, 0)}, read(74, far)},
      {"tWTR_L", &T::wtr_l, {act(10, 0), act(11, near), write(20, 0)}, read(74, near)},
      {"tWR", &T::wr, {act(10, 0), write(20, 0)}, pre(74, 0)},
      {"tWR", &T::wr, {act(10, 0), write(20, 0)}, pre_all(74)},
      {"tRTW", &T::rtw, {act(10, 0), act(11, far), read(20, 0)}, write(70, far)},
      {"tRTP", &T::rtp, {act(10, 0), read(20, 0)}, pre(70, 0)},
      {"tRTP", &T::rtp, {act(10, 0), read(20, 0)}, pre_all(70)},
      {"tPPD", &T::ppd, {act(10, 0), act(11, 1), pre(20, 0)}, pre(70, 1)},
      {"tRFC", &T::rfc, {refresh(20)}, act(70, 0)},
      {"tRFC", &T::rfc, {refresh(20)}, refresh(70)},
      {"tRFC", &T::rfc, {refresh(20)}, pre_all(70)},
      {"command_bus", &T::activate_cycles, {act(10, 0)}, act(60, far)},
      {"command_bus", &T::column_cycles, {act(10, 0), read(20, 0)}, pre(70, 0)},
      {"command_bus", &T::precharge_cycles, {act(10, 0), pre(20, 0)}, act(70, far)},
      {"command_bus", &T::refresh_cycles, {refresh(20)}, act(70, 0)},
  };
}

std::vector<Command> log_of(const Spec& spec, const std::vector<Request>& requests,
                            const Policy& policy = {}) {
  std::vector<Command> log;
  std::size_t i = 0;
  const Source source = [&](Request& request) {
    if (i == requests.size()) return false;
    request = requests[i++];
    return true;
  };
  simulate(spec, policy, source, {}, {.log = &log, .log_limit = 10000});
  return log;
}

/// Address of a burst of the small memory under the default mapping.
std::uint64_t address(std::uint32_t bank, std::uint64_t row, std::uint32_t column = 0) {
  const AddressMap map(spec_of(plausible()));
  return map.burst_at({.channel = 0, .bank = bank, .row = row, .column = column}) * 64;
}

}  // namespace

TEST_SUITE("dram") {
  TEST_CASE("each gate is tight: refused one cycle early by its name, taken at the cycle") {
    std::set<std::string> seen;
    for (const Case& item : cases()) {
      INFO(item.gate, " before ", name_of(item.held.kind));
      Timing timing;
      timing.*item.parameter = 50;
      Gates gates(small_sizes(), timing);
      for (const Command& command : item.before) gates.issue(command);
      const Earliest first = gates.earliest(item.held.kind, item.held.bank);
      CHECK(first.cycle == item.held.cycle);
      CHECK(std::string(name_of(first.gate)) == item.gate);
      Command early = item.held;
      --early.cycle;
      try {
        gates.issue(early);
        FAIL("taken one cycle early");
      } catch (const TooEarly& refusal) {
        CHECK(std::string(name_of(refusal.earliest.gate)) == item.gate);
        CHECK(std::string(refusal.what()).find(item.gate) != std::string::npos);
      }
      CHECK_NOTHROW(gates.issue(item.held));
      seen.insert(item.gate);
    }
    CHECK(seen.size() == kGates - 1);  // all but "none"
  }

  TEST_CASE("gates of one group, and the fourth activate in tFAW, leave others alone") {
    Timing timing;
    timing.rrd_l = timing.ccd_l = timing.wtr_l = timing.faw = 50;
    Gates gates(small_sizes(), timing);
    gates.issue(act(10, 0));
    CHECK(gates.earliest(Kind::activate, kOtherGroup).cycle == 11);
    gates.issue(act(11, kOtherGroup));
    gates.issue(act(61, kSameGroup));
    CHECK(gates.earliest(Kind::activate, kOtherGroup + 1).cycle == 62);
    gates.issue(read(70, 0));
    CHECK(gates.earliest(Kind::read, kOtherGroup).cycle == 71);
    gates.issue(write(80, 0));
    CHECK(gates.earliest(Kind::read, kOtherGroup).cycle == 84);  // its data have gone by
    CHECK(gates.earliest(Kind::read, 0).cycle == 134);
  }

  TEST_CASE("a column bus of its own lets a read stand beside an activate") {
    Timing timing;
    timing.activate_cycles = 4;
    for (const bool split : {false, true}) {
      timing.split_command_bus = split;
      Gates gates(small_sizes(), timing);
      gates.issue(act(10, 0));
      gates.issue(act(20, 1));
      CHECK(gates.earliest(Kind::read, 0).cycle == (split ? 10 : 24));
      CHECK(gates.earliest(Kind::precharge, 0).cycle == 24);
    }
  }

  TEST_CASE("a bank that is not as a command needs it") {
    Gates gates(small_sizes(), Timing{});
    CHECK_THROWS_AS(gates.issue(read(0, 0)), std::domain_error);
    CHECK_THROWS_AS(gates.issue(pre(0, 0)), std::domain_error);
    gates.issue(act(0, 0));
    CHECK_THROWS_AS(gates.issue(act(5, 0)), std::domain_error);
    CHECK_THROWS_AS(gates.issue(refresh(5)), std::domain_error);
    Command other_row = read(5, 0);
    other_row.row = 4;
    CHECK_THROWS_AS(gates.issue(other_row), std::domain_error);
    CHECK_THROWS_AS(gates.issue(act(5, 8)), std::invalid_argument);
    CHECK_NOTHROW(gates.issue(read(5, 0)));
  }

  TEST_CASE("the address mapping is one to one, whatever its order") {
    Spec spec = spec_of(plausible());
    spec.organization.channels = 3;
    std::array<Field, kFields> order = {Field::channel, Field::bank_group, Field::bank, Field::row,
                                        Field::column};
    const std::uint64_t bursts = spec.organization.capacity_bytes() / 64;
    do {
      for (const bool mixed : {false, true}) {
        spec.mapping = order;
        spec.xor_banks = mixed;
        const AddressMap map(spec);
        std::set<std::array<std::uint64_t, 4>> places;
        for (std::uint64_t burst = 0; burst < bursts; burst += 5) {
          const Location place = map.locate(burst);
          CHECK(map.burst_at(place) == burst);
          places.insert({place.channel, place.bank, place.row, place.column});
        }
        CHECK(places.size() == (bursts + 4) / 5);
      }
    } while (std::next_permutation(order.begin(), order.end()));
  }

  TEST_CASE("right commands at the right cycles: a miss, a hit, a conflict") {
    const std::vector<Command> log = log_of(spec_of(plausible()), {{.span = {address(2, 5), 64}},
                                                                   {.span = {address(2, 5, 1), 64}},
                                                                   {.span = {address(2, 6), 64}}});
    const std::vector<Command> wanted = {{0, 0, Kind::activate, 2, 5},   {14, 0, Kind::read, 2, 5},
                                         {20, 0, Kind::read, 2, 5},       // tCCD_L
                                         {34, 0, Kind::precharge, 2, 0},  // tRAS
                                         {47, 0, Kind::activate, 2, 6},   // tRP and tRC
                                         {61, 0, Kind::read, 2, 6}};
    CHECK(log == wanted);
  }

  TEST_CASE("a hit goes before an older conflict, and not for ever") {
    std::vector<Request> requests = {{.span = {address(0, 1), 64}}, {.span = {address(0, 2), 64}}};
    for (int i = 0; i < 6; ++i) requests.push_back({.span = {address(0, 1, 1), 64}});
    const auto rows_read = [&](std::uint32_t max_hits) {
      std::vector<std::uint64_t> rows;
      for (const Command& c : log_of(spec_of(plausible()), requests, {.max_hits = max_hits})) {
        if (c.kind == Kind::read) rows.push_back(c.row);
      }
      return rows;
    };
    CHECK(rows_read(128) == std::vector<std::uint64_t>{1, 1, 1, 1, 1, 1, 1, 2});
    CHECK(rows_read(3) == std::vector<std::uint64_t>{1, 1, 1, 2, 1, 1, 1, 1});
  }

  TEST_CASE("reads and writes turn in batches") {
    std::vector<Request> requests;
    for (int i = 0; i < 12; ++i)
      requests.push_back({.span = {address(0, 1), 64}, .write = i % 2 == 1});
    std::string order;
    for (const Command& c : log_of(spec_of(plausible()), requests, {.batch = 4})) {
      if (c.kind == Kind::read) order += 'r';
      if (c.kind == Kind::write) order += 'w';
    }
    CHECK(order == "rrrrwwwwrrww");
  }

  TEST_CASE("refreshes come when they are due, with all banks closed") {
    Timing timing = plausible();
    timing.refi = 1000;
    const std::vector<Command> log =
        log_of(spec_of(timing),
               {{.span = {address(0, 1), 64}}, {.span = {address(0, 1, 1), 64}, .arrival = 3500}});
    const std::vector<Command> wanted = {
        {0, 0, Kind::activate, 0, 1},         {14, 0, Kind::read, 0, 1},
        {1000, 0, Kind::precharge_all, 0, 0}, {1015, 0, Kind::refresh, 0, 0},
        {2000, 0, Kind::refresh, 0, 0},       {3000, 0, Kind::refresh, 0, 0},
        {3500, 0, Kind::activate, 0, 1},      {3514, 0, Kind::read, 0, 1}};
    CHECK(log == wanted);
  }

  TEST_CASE("long idle times are counted, not walked") {
    Timing timing = plausible();
    timing.refi = 1000;
    for (const std::uint64_t gap : {2500, 3999, 4000, 4001, 4120, 987654}) {
      const std::vector<Request> requests = {{.span = {address(0, 1), 64}},
                                             {.span = {address(0, 1), 64}, .arrival = gap}};
      std::vector<Command> log;
      Stats stats[2];
      for (const bool logged : {false, true}) {
        Memory memory(spec_of(timing), {}, {.log = logged ? &log : nullptr, .log_limit = 10000});
        for (const Request& request : requests) memory.push(request);
        stats[logged] = memory.finish();
      }
      CHECK(stats[0].counts.refreshes == stats[1].counts.refreshes);
      CHECK(stats[0].counts.active_cycles == stats[1].counts.active_cycles);
      CHECK(stats[0].cycles == stats[1].cycles);
    }
    Memory memory(spec_of(timing));
    const std::uint64_t far = std::uint64_t{1} << 50;
    CHECK(memory.transfer(far, {{0, 64}}, false) >= far + 14 + 15 + 4);
  }

  TEST_CASE("a closed page is closed once nothing waits for it") {
    const std::vector<Request> requests = {{.span = {address(0, 1), 64}},
                                           {.span = {address(0, 1, 1), 64}},
                                           {.span = {address(0, 2), 64}, .arrival = 500}};
    std::vector<Kind> kinds;
    for (const Command& c : log_of(spec_of(plausible()), requests, {.closed_page = true})) {
      kinds.push_back(c.kind);
    }
    CHECK(kinds == std::vector<Kind>{Kind::activate, Kind::read, Kind::read, Kind::precharge,
                                     Kind::activate, Kind::read});
  }

  TEST_CASE("transfers keep the rows open between them") {
    Memory memory(spec_of(plausible()));
    CHECK(memory.transfer(5, {}, false) == 5);
    CHECK(memory.transfer(100, {{address(0, 1), 64}}, false) == 100 + 14 + 15 + 4);
    CHECK(memory.transfer(200, {{address(0, 1, 1), 64}}, false) == 200 + 15 + 4);
    CHECK(memory.transfer(300, {{address(0, 1, 2), 64}}, true) == 300 + 11 + 4);
    CHECK(memory.transfer(400, {{address(0, 2), 64}}, true) == 400 + 13 + 10 + 11 + 4);
    const Stats stats = memory.finish();
    CHECK(stats.service.row_hits == 2);
    CHECK(stats.service.row_misses == 1);
    CHECK(stats.service.row_conflicts == 1);
    CHECK(stats.bytes_read == 128);
    CHECK(stats.bytes_written == 128);
    CHECK_THROWS_AS(memory.transfer(500, {{8 * 16 * 256 - 1, 2}}, false), std::invalid_argument);
    CHECK_THROWS_AS(memory.transfer(500, {{~std::uint64_t{0}, 2}}, false), std::invalid_argument);
  }

  TEST_CASE("energy is counts times energies, and currents give those by hand") {
    const Timing timing = plausible();
    const Rail rail{
        .volts = 2, .idd0 = 50, .idd2n = 20, .idd3n = 30, .idd4r = 130, .idd4w = 110, .idd5b = 230};
    const Energies e = energies_of({rail, rail}, 3, small_sizes(), timing, 0.5);
    const double unit = 2 * 2 * 3 * 0.5;  // two rails, volts, devices, ns
    CHECK(e.activate_pj == doctest::Approx(unit * (50 * 47 - 30 * 34 - 20 * 13)));
    CHECK(e.read_pj == doctest::Approx(unit * 100 * 4));
    CHECK(e.write_pj == doctest::Approx(unit * 80 * 4));
    CHECK(e.refresh_pj == doctest::Approx(unit * 200 * 120));
    CHECK(e.active_pj_per_cycle == doctest::Approx(unit * 30));
    CHECK(e.idle_pj_per_cycle == doctest::Approx(unit * 20));
    const EnergyByKind kinds = price({.activates = 2,
                                      .reads = 3,
                                      .writes = 5,
                                      .refreshes = 7,
                                      .active_cycles = 11,
                                      .idle_cycles = 13},
                                     {.activate_pj = 1,
                                      .read_pj = 10,
                                      .write_pj = 100,
                                      .read_io_pj = 1000,
                                      .write_io_pj = 10000,
                                      .refresh_pj = 3,
                                      .active_pj_per_cycle = 4,
                                      .idle_pj_per_cycle = 5});
    CHECK(kinds.activate_pj == 2);
    CHECK(kinds.read_pj == 30);
    CHECK(kinds.write_pj == 500);
    CHECK(kinds.io_pj == 53000);
    CHECK(kinds.refresh_pj == 21);
    CHECK(kinds.background_pj == 44 + 65);
    Rail weak = rail;
    weak.idd0 = 1;
    CHECK_THROWS_AS(energies_of({weak}, 1, small_sizes(), timing, 1), std::invalid_argument);
  }

  TEST_CASE("numbers that make no memory are refused") {
    const auto refused = [](auto change) {
      Spec spec = spec_of(plausible());
      CHECK_NOTHROW(check(spec));
      change(spec);
      CHECK_THROWS_AS(check(spec), std::invalid_argument);
    };
    refused([](Spec& s) { s.organization.channels = 0; });
    refused([](Spec& s) { s.organization.bank_groups = 65; });
    refused([](Spec& s) { s.organization.burst_length = 7; });
    refused([](Spec& s) { s.organization.row_bytes = 100; });
    refused([](Spec& s) { s.organization.bus_bits = 12; });
    refused([](Spec& s) { s.timing.ccd_s = 3; });
    refused([](Spec& s) { s.timing.rtw = 7; });
    refused([](Spec& s) { s.timing.rc = 33; });
    refused([](Spec& s) { s.timing.refi = 400; });
    refused([](Spec& s) { s.mapping[0] = s.mapping[1]; });
    refused([](Spec& s) {
      s.organization.banks_per_group = 3;
      s.xor_banks = true;
    });
    CHECK_THROWS_AS(Memory(spec_of(plausible()), {.window = 0}), std::invalid_argument);
  }

  TEST_CASE("a poll that says no ends the stream; a log has its limit; arrivals are in order") {
    const Spec spec = spec_of(plausible());
    const Pattern pattern{.requests = 1'000'000, .bytes = 64, .stride = 64, .range = 8 * 16 * 256};
    const Stats stats =
        simulate(spec, {}, source_of(pattern), [](std::uint64_t done) { return done < 30000; });
    CHECK(stats.requests >= 30000);
    CHECK(stats.requests < 60000);
    CHECK(stats.counts.reads == stats.requests);
    std::vector<Command> log;
    CHECK_THROWS_AS(simulate(spec, {}, source_of(pattern), {}, {.log = &log, .log_limit = 10}),
                    std::domain_error);
    CHECK(log.size() == 10);
    CHECK_THROWS_AS(
        log_of(spec, {{.span = {0, 64}, .arrival = 9}, {.span = {0, 64}, .arrival = 8}}),
        std::invalid_argument);
  }

  TEST_CASE("patterns: strides go round, writes are spread, sizes fit") {
    Pattern pattern{.requests = 2048,
                    .bytes = 64,
                    .stride = 192,
                    .start = 128,
                    .range = 512,
                    .writes_per_1024 = 341,
                    .interval = 3};
    const Source source = source_of(pattern);
    Request request;
    std::uint64_t writes = 0, i = 0;
    while (source(request)) {
      CHECK(request.span.address >= 128);
      CHECK(request.span.address + 64 <= 128 + 512);
      CHECK(request.arrival == 3 * i++);
      writes += request.write ? 1 : 0;
    }
    CHECK(i == 2048);
    CHECK(writes == 2 * 341);
    pattern.bytes = 513;
    CHECK_THROWS_AS(source_of(pattern), std::invalid_argument);
  }
}
