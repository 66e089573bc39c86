#include "mapping/chains.hpp"

#include <algorithm>

#include "base/math.hpp"

namespace dnnaccel::mapping {

std::vector<std::int64_t> spatial_factors(std::int64_t positions, std::int64_t room) {
  std::vector<std::int64_t> factors;
  for (std::int64_t factor = 1; factor <= std::min(positions, room); ++factor) {
    if (positions % factor == 0) factors.push_back(factor);
  }
  for (std::int64_t part = 1; part <= room; ++part) {
    const std::int64_t widest = std::min(positions, room / part);
    factors.push_back(base::ceil_div(positions, base::ceil_div(positions, widest)));
  }
  std::sort(factors.begin(), factors.end());
  factors.erase(std::unique(factors.begin(), factors.end()), factors.end());
  return factors;
}

}  // namespace dnnaccel::mapping
