#pragma once

#include <array>
#include <cstdint>

#include "problem/problem.hpp"
#include "sim/dram.hpp"
#include "sim/tile_time.hpp"

namespace dnnaccel::sim {

/// A DRAM as the outermost memory of a chip.
///
/// Every tensor has a part of the memory of its own, in which its words lie in the order in which
/// they are first asked for: a transfer is one run of bytes, which goes on where the one before of
/// that tensor ended. The controller has the requests of one transfer at a time, and those of the
/// next one as early as it takes a read from command to data.
class DramPort final : public MemoryTiming {
 public:
  /// `bits`: of a word of each tensor. `dram_cycles`: cycles of the memory's clock in one of the
  /// chip's. Throws std::invalid_argument if the tensors do not fit.
  DramPort(const problem::Problem& problem, const dram::Spec& spec,
           const std::array<double, problem::kRoles>& bits, double dram_cycles);

  Transfer transfer(problem::Role role, bool write, std::uint64_t words, double begin) override;
  /// All that was done until now.
  dram::Stats finish() { return memory_.finish(); }

 private:
  struct Region {
    std::uint64_t first = 0;
    std::uint64_t bytes = 0;
    std::array<std::uint64_t, 2> next{};  ///< reads, writes: bytes from the first
  };

  dram::Memory memory_;
  std::array<double, problem::kRoles> bits_;
  double dram_cycles_;
  std::array<std::uint64_t, 2> lead_;  ///< reads, writes: cycles from a command to its data
  std::array<Region, problem::kRoles> regions_;
  std::uint64_t end_ = 0;  ///< of the last transfer
};

}  // namespace dnnaccel::sim
