#include "arch/architecture.hpp"

#include <stdexcept>

namespace dnnaccel::arch {

namespace {

constexpr std::uint64_t kMaxMacUnits = 1ULL << 24;

[[noreturn]] void refuse(const std::string& what) {
  throw std::invalid_argument("architecture: " + what);
}

bool sane(double value) { return value >= 0; }  // false for NaN too

void validate_level(const Memory& memory) {
  if (memory.word_bits < 1 || memory.word_bits > 1024) {
    refuse(memory.name + ": word_bits is not in 1..1024");
  }
  if (!sane(memory.read_energy) || !sane(memory.write_energy)) {
    refuse(memory.name + ": negative energy");
  }
  for (double bandwidth :
       {memory.read_bandwidth, memory.write_bandwidth, memory.shared_bandwidth}) {
    if (!(bandwidth > 0)) refuse(memory.name + ": a bandwidth must be above 0");
  }
}

void validate_level(const Array& array) {
  if (array.rows < 1 || array.columns < 1) refuse(array.name + ": rows and columns are at least 1");
  if (!sane(array.energy)) refuse(array.name + ": negative energy");
  for (double bandwidth : array.bandwidth) {
    if (!(bandwidth > 0)) refuse(array.name + ": a bandwidth must be above 0");
  }
}

}  // namespace

std::uint32_t DimSet::mask(const problem::Problem& problem) const {
  if (all) return (1U << problem.dims()) - 1;
  std::uint32_t mask = 0;
  for (int d = 0; d < problem.dims(); ++d) {
    for (const std::string& dim : names) {
      if (dim == problem.dim_names[static_cast<std::size_t>(d)]) mask |= 1U << d;
    }
  }
  return mask;
}

std::uint64_t Architecture::mac_units() const {
  std::uint64_t units = 1;
  for (const Level& level : levels) {
    if (const auto* array = std::get_if<Array>(&level)) {
      units *= static_cast<std::uint64_t>(array->rows) * static_cast<std::uint64_t>(array->columns);
    }
  }
  return units;
}

void Architecture::validate() const {
  if (levels.empty() || size() > kMaxLevels) {
    refuse("between 1 and " + std::to_string(kMaxLevels) + " levels");
  }
  const Memory* top = memory(0);
  if (top == nullptr || top->keeps != problem::kAllRoles) {
    refuse("the outermost level is a memory that keeps every tensor");
  }
  std::uint64_t units = 1;
  for (const Level& level : levels) {
    std::visit([](const auto& one) { validate_level(one); }, level);
    if (const auto* array = std::get_if<Array>(&level)) {
      for (std::int64_t extent : {array->rows, array->columns}) {
        if (static_cast<std::uint64_t>(extent) > kMaxMacUnits / units) refuse("more than 2^24 PEs");
        units *= static_cast<std::uint64_t>(extent);
      }
    }
  }
  if (!sane(mac_energy)) refuse("negative MAC energy");
  if (!sane(leakage_energy)) refuse("negative leakage");
}

}  // namespace dnnaccel::arch
