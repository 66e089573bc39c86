#include "sim/dram.hpp"
#include "support.hpp"
TEST_SUITE("dram") { TEST_CASE("x") { CHECK(true); } }
