#pragma once

#include <cstdint>
#include <vector>

// Where the tensors of a program lie in one stretch of memory. Two of them may share bytes if they
// are not needed at the same time.
namespace dnnaccel::runtime {

/// A tensor that is needed from the step that first writes it to the last that touches it.
struct Lifetime {
  std::int64_t bytes = 0;
  std::int64_t first = 0;
  std::int64_t last = 0;
};

struct MemoryPlan {
  std::vector<std::int64_t> offsets;  // in bytes, each a multiple of kAlignment
  std::int64_t bytes = 0;             // of the whole stretch
  std::int64_t lower_bound = 0;       // the most that tensors needed at one step take together
};

inline constexpr std::int64_t kAlignment = 64;

/// Find offsets at which no two tensors overlap that are needed at one step. Of several orders in
/// which to place them, each where it fits best, that with the shortest stretch is taken; the next
/// ones are tried only while it is above the lower bound, which counts sizes as they are placed:
/// filled up to whole cache lines. Throws std::invalid_argument for a negative size, a step before
/// 0, or an end before the beginning.
MemoryPlan plan_memory(const std::vector<Lifetime>& tensors);

}  // namespace dnnaccel::runtime
