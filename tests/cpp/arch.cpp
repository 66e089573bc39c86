#include <limits>

#include "arch/architecture.hpp"
#include "support.hpp"

using namespace dnnaccel::arch;
using namespace dnnaccel::testing;

namespace {

Memory& memory_of(Architecture& chip, std::size_t level) {
  return std::get<Memory>(chip.levels[level]);
}
Array& array_of(Architecture& chip, std::size_t level) {
  return std::get<Array>(chip.levels[level]);
}

template <typename Change>
std::string after(Change change) {
  Architecture chip = two_levels(4, 3, 64);
  change(chip);
  return refusal([&] { chip.validate(); });
}

constexpr double kNan = std::numeric_limits<double>::quiet_NaN();

}  // namespace

TEST_SUITE("arch") {
  TEST_CASE("levels are memories or arrays, and arrays multiply the MAC units") {
    Architecture chip = two_levels(4, 3, 64);
    CHECK_NOTHROW(chip.validate());
    CHECK(chip.size() == 3);
    CHECK(chip.mac_units() == 12);
    CHECK(chip.memory(0) != nullptr);
    CHECK(chip.array(0) == nullptr);
    CHECK(chip.memory(1) == nullptr);
    CHECK(chip.array(1)->columns == 3);
    chip.levels.push_back(Array{.name = "lanes", .rows = 2, .columns = 5});
    CHECK_NOTHROW(chip.validate());
    CHECK(chip.mac_units() == 120);
  }

  TEST_CASE("the outermost level keeps every tensor") {
    check_says(after([](Architecture& c) { c.levels.clear(); }), {"between 1 and 16 levels"});
    check_says(after([](Architecture& c) { c.levels.resize(17, c.levels[2]); }),
               {"between 1 and 16 levels"});
    check_says(after([](Architecture& c) { c.levels.erase(c.levels.begin()); }), {"outermost"});
    check_says(after([](Architecture& c) { memory_of(c, 0).keeps = 0b011; }), {"outermost"});
  }

  TEST_CASE("a memory has words, energies and ports that make sense") {
    check_says(after([](Architecture& c) { memory_of(c, 2).word_bits = 0; }), {"rf", "word_bits"});
    check_says(after([](Architecture& c) { memory_of(c, 2).read_energy = -1; }), {"rf", "energy"});
    check_says(after([](Architecture& c) { memory_of(c, 0).write_energy = kNan; }),
               {"ram", "energy"});
    check_says(after([](Architecture& c) { memory_of(c, 0).read_bandwidth = 0; }),
               {"ram", "bandwidth", "above 0"});
    check_says(after([](Architecture& c) { memory_of(c, 0).shared_bandwidth = kNan; }),
               {"ram", "bandwidth", "above 0"});
  }

  TEST_CASE("an array has instances, and not too many") {
    check_says(after([](Architecture& c) { array_of(c, 1).rows = 0; }), {"pes", "at least 1"});
    check_says(after([](Architecture& c) { array_of(c, 1).energy = -0.5; }), {"pes", "energy"});
    check_says(after([](Architecture& c) { array_of(c, 1).columns = std::int64_t{1} << 62; }),
               {"2^24 PEs"});
    check_says(after([](Architecture& c) { c.mac_energy = kNan; }), {"MAC energy"});
  }

  TEST_CASE("a set of dims is a mask of those that the problem has") {
    const auto problem = convolution(2, 3, 8, 3);
    CHECK(DimSet{.all = true, .names = {}}.mask(problem) == 0b1111);
    CHECK(DimSet{.all = false, .names = {"C", "R"}}.mask(problem) == 0b1010);
    CHECK(DimSet{.all = false, .names = {"Q", "C"}}.mask(problem) == 0b0010);
    CHECK(DimSet{}.mask(problem) == 0);
  }
}
