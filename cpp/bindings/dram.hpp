#pragma once

#include <cstdint>
#include <vector>

#include "sim/dram.hpp"

namespace dnnaccel::bindings {

/// What a simulation of a DRAM gave: `_core.DramRun`.
struct DramRun {
  sim::dram::Stats stats;
  std::vector<sim::dram::Command> log;
  std::vector<std::uint64_t> finish;
};

}  // namespace dnnaccel::bindings
